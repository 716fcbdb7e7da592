// The part of TelemetryService that tells the topology.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "server/base/clock.h"
#include "server/base/errors.h"
#include "server/rpc/convert_edge.h"
#include "server/rpc/convert_time.h"
#include "server/rpc/interval.h"
#include "server/rpc/status.h"
#include "server/rpc/telemetry_service.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

constexpr std::chrono::nanoseconds kDefaultWatchInterval = std::chrono::seconds(1);
// An edge's four names have 1.5 KiB at most, so that a response stays below the 4 MiB that clients
// receive by default.
constexpr int kMaxEdgesPerResponse = 1000;

// As told, so that a caller can ask for what it was told.
bool Concerns(const span::EdgeKey& key, const std::string& service) {
  return service.empty() || ToUtf8(key.caller) == service || ToUtf8(key.callee) == service;
}

// The time before which edges are left out.
absl::StatusOr<int64_t> ParseWindow(const v1::GetTopologyRequest& request, int64_t now_ns) {
  if (!request.has_window()) return std::numeric_limits<int64_t>::min();
  const google::protobuf::Duration& window = request.window();
  if (window.seconds() < 0 || window.nanos() < 0 ||
      (window.seconds() == 0 && window.nanos() == 0)) {
    return FieldError("WINDOW_INVALID", "window",
                      "a window is a time before now: give a positive duration, or none");
  }
  const int64_t seconds = std::min(window.seconds(), now_ns / kNanosPerSecond);
  return now_ns - seconds * kNanosPerSecond - window.nanos();
}

// Writes one update in as many responses as it takes.
class UpdateWriter {
 public:
  UpdateWriter(const std::string& service, grpc::ServerWriter<v1::WatchTopologyResponse>& writer)
      : service_(service), writer_(writer) {}

  // Returns whether there is still somebody to write to.
  bool Write(const span::EdgeChanges& changes, uint64_t overflowed) {
    response_.Clear();
    edges_ = 0;
    response_.set_snapshot(changes.snapshot);
    *response_.mutable_time() = ToTimestamp(UnixNanosNow());
    response_.set_overflowed(overflowed);
    for (const span::EdgeKey& key : changes.removed) {
      if (!Concerns(key, service_)) continue;
      if (!MakeRoom()) return false;
      FillEdgeNames(key, *response_.add_removed());
    }
    for (const span::Edge& edge : changes.added) {
      if (!Concerns(edge.key, service_)) continue;
      if (!MakeRoom()) return false;
      FillEdge(edge, *response_.add_added());
    }
    for (const span::Edge& edge : changes.changed) {
      if (!Concerns(edge.key, service_)) continue;
      if (!MakeRoom()) return false;
      FillEdge(edge, *response_.add_changed());
    }
    if (edges_ == 0 && !changes.snapshot) return true;
    response_.set_complete(true);
    return writer_.Write(response_);
  }

 private:
  bool MakeRoom() {
    if (edges_ > 0 && edges_ % kMaxEdgesPerResponse == 0) {
      if (!writer_.Write(response_)) return false;
      response_.clear_added();
      response_.clear_changed();
      response_.clear_removed();
      response_.set_snapshot(false);
    }
    ++edges_;
    return true;
  }

  const std::string& service_;
  grpc::ServerWriter<v1::WatchTopologyResponse>& writer_;
  v1::WatchTopologyResponse response_;
  int edges_ = 0;
};

}  // namespace

grpc::Status TelemetryService::GetTopology(grpc::ServerContext* /*context*/,
                                           const v1::GetTopologyRequest* request,
                                           v1::Topology* response) {
  return Answer([&]() -> absl::Status {
    const int64_t now_ns = UnixNanosNow();
    ASSIGN_OR_RETURN(const int64_t since_ns, ParseWindow(*request, now_ns));
    *response->mutable_time() = ToTimestamp(now_ns);
    for (const span::Edge& edge : topology_.Snapshot()) {
      if (edge.last_seen_unix_ns >= since_ns && Concerns(edge.key, request->service())) {
        FillEdge(edge, *response->add_edges());
      }
    }
    response->set_overflowed(topology_.stats().overflowed);
    return absl::OkStatus();
  });
}

grpc::Status TelemetryService::WatchTopology(
    grpc::ServerContext* context, const v1::WatchTopologyRequest* request,
    grpc::ServerWriter<v1::WatchTopologyResponse>* writer) {
  return Answer([&] { return Changes(*context, *request, *writer); });
}

absl::Status TelemetryService::Changes(const grpc::ServerContext& context,
                                       const v1::WatchTopologyRequest& request,
                                       grpc::ServerWriter<v1::WatchTopologyResponse>& writer) {
  ASSIGN_OR_RETURN(
      const std::chrono::nanoseconds interval,
      ParseInterval(request.has_interval() ? &request.interval() : nullptr, kDefaultWatchInterval));
  ASSIGN_OR_RETURN(const auto ticket, streams_.Enter());
  // Edges are made of spans, also where nobody streams these.
  const auto claim = span_demand_.Enter();
  UpdateWriter updates(request.service(), writer);
  uint64_t revision = 0;
  auto next = std::chrono::steady_clock::now();
  while (true) {
    RETURN_IF_ERROR(streams_.WaitUntil(context, next));
    const span::EdgeChanges changes = topology_.ChangesSince(revision);
    if (!updates.Write(changes, topology_.stats().overflowed)) return ClientGone();
    revision = changes.revision;
    next = std::max(next + interval, std::chrono::steady_clock::now());
  }
}

}  // namespace uprobed::rpc
