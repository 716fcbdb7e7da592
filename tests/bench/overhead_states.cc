#include "tests/bench/overhead_states.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "server/base/errors.h"
#include "tests/bench/placements.h"

namespace uprobed::bench {
namespace {

constexpr char kProbeId[] = "overhead";

v1::ProbeSpec Observing(const std::vector<v1::Instrumentation>& instrumentations) {
  v1::ProbeSpec spec;
  for (const v1::Instrumentation instrumentation : instrumentations) {
    spec.add_instrumentations(instrumentation);
  }
  return spec;
}

v1::ProbeSpec WithAllOptions(v1::ProbeSpec spec) {
  spec.set_capture_query(true);
  spec.set_stitch_traces(true);
  spec.set_framework_routes(true);
  spec.set_inject_traceparent(true);
  spec.set_handler_function(true);
  spec.mutable_causality()->set_goroutines(true);
  spec.mutable_causality()->set_channels(true);
  spec.mutable_timing()->set_server_first_byte(true);
  spec.mutable_timing()->set_client_body(true);
  return spec;
}

}  // namespace

std::vector<State> States(bool grpc) {
  const v1::ProbeSpec server =
      Observing({grpc ? v1::INSTRUMENTATION_GRPC_SERVER : v1::INSTRUMENTATION_HTTP_SERVER});
  // Empty: all that the program has.
  const v1::ProbeSpec both;
  return {
      {.name = kServerState, .kind = State::Kind::kOurs, .spec = server, .subscriber = false},
      {.name = "server, a subscriber",
       .kind = State::Kind::kOurs,
       .spec = server,
       .subscriber = true},
      {.name = "server and client", .kind = State::Kind::kOurs, .spec = both, .subscriber = false},
      {.name = "all options",
       .kind = State::Kind::kOurs,
       .spec = WithAllOptions(both),
       .subscriber = false},
      {.name = kEmptyState, .kind = State::Kind::kEmpty, .spec = {}, .subscriber = false},
      {.name = kPeersState, .kind = State::Kind::kPeers, .spec = {}, .subscriber = false}};
}

State UnstreamedState() {
  v1::ProbeSpec spec = Observing({v1::INSTRUMENTATION_HTTP_SERVER});
  spec.mutable_span_limits()->set_only_while_streamed(true);
  return {.name = "server, while nobody streams",
          .kind = State::Kind::kOurs,
          .spec = std::move(spec),
          .subscriber = false};
}

absl::StatusOr<std::unique_ptr<AppliedState>> AppliedState::Apply(const State& state,
                                                                  const std::string& path,
                                                                  DaemonUnderTest& daemon) {
  std::unique_ptr<AppliedState> applied(new AppliedState(daemon));
  if (state.kind != State::Kind::kOurs) {
    ASSIGN_OR_RETURN(const Placement placement,
                     state.kind == State::Kind::kEmpty ? ServerSites(path) : PeerSites(path));
    ASSIGN_OR_RETURN(applied->probes_, EmptyProbes::Attach(path, placement.file_offsets));
    return applied;
  }
  v1::ProbeSpec spec = state.spec;
  spec.set_binary_path(path);
  RETURN_IF_ERROR(applied->Probe(std::move(spec)));
  if (state.subscriber) applied->subscriber_ = std::make_unique<SpanSubscriber>(daemon);
  return applied;
}

absl::Status AppliedState::Probe(v1::ProbeSpec spec) {
  ASSIGN_OR_RETURN(const v1::Probe probe, daemon_.Create(kProbeId, spec));
  probed_ = true;
  const v1::ProbeStatus& status = probe.status();
  // An option that this program has no use for makes the probe DEGRADED and is no obstacle.
  if (status.state() == v1::Probe::STATE_ACTIVE || status.state() == v1::Probe::STATE_DEGRADED) {
    return absl::OkStatus();
  }
  // A kernel that is locked down lets nobody have it.
  if (status.error().reason() == "INJECTION_UNAVAILABLE" && spec.inject_traceparent()) {
    spec.set_inject_traceparent(false);
    RETURN_IF_ERROR(daemon_.Delete(kProbeId));
    return Probe(std::move(spec));
  }
  return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED",
                   spec.binary_path() + " is not attached: " + status.error().message());
}

AppliedState::~AppliedState() {
  subscriber_.reset();
  if (!probed_) return;
  if (const absl::Status deleted = daemon_.Delete(kProbeId); !deleted.ok()) {
    std::fprintf(stderr, "%s\n", MessageOf(deleted).c_str());
  }
}

pid_t AppliedState::holder() const { return probes_ != nullptr ? getpid() : daemon_.pid(); }

}  // namespace uprobed::bench
