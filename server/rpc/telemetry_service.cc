#include "server/rpc/telemetry_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>

#include "server/base/clock.h"
#include "server/base/errors.h"
#include "server/rpc/convert_metrics.h"
#include "server/rpc/convert_time.h"
#include "server/rpc/interval.h"
#include "server/rpc/span_read_mask.h"
#include "server/rpc/status.h"
#include "server/stream/filter.h"

namespace uprobed::rpc {
namespace {

constexpr int32_t kMaxQueueCapacity = 1 << 20;
constexpr std::chrono::nanoseconds kDefaultInterval = std::chrono::seconds(5);

absl::StatusOr<stream::SubscriptionOptions> ParseSubscription(
    const v1::StreamSpansRequest& request) {
  stream::SubscriptionOptions options;
  absl::StatusOr<std::function<bool(const span::Span&)>> filter =
      stream::CompileFilter(request.filter());
  if (!filter.ok()) {
    auto metadata = MetadataOf(filter.status());
    metadata.emplace("field", "filter");
    return MakeError(filter.status().code(), ReasonOf(filter.status()),
                     std::string(filter.status().message()), metadata);
  }
  options.filter = *std::move(filter);
  options.filter_text = request.filter();
  ASSIGN_OR_RETURN(options.mask, ParseSpanReadMask(request));
  options.compact = request.compact();
  const int32_t capacity = request.queue_capacity();
  if (capacity < 0 || capacity > kMaxQueueCapacity) {
    return FieldError("QUEUE_CAPACITY_INVALID", "queue_capacity",
                      fmt::format("queue_capacity is {}: give 1 to {}, or 0 for {}", capacity,
                                  kMaxQueueCapacity, options.capacity));
  }
  if (capacity > 0) options.capacity = static_cast<size_t>(capacity);
  if (request.limit() < 0) {
    return FieldError(
        "LIMIT_NEGATIVE", "limit",
        fmt::format("limit is {}: give a number of spans, or 0 for no end", request.limit()));
  }
  return options;
}

// A call that ends before it has begun. gRPC owns it from where it is returned to OnDone().
class RefusedStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit RefusedStream(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

absl::StatusOr<std::shared_ptr<SpanStream>> TelemetryService::OpenSpanStream(
    const v1::StreamSpansRequest& request) {
  ASSIGN_OR_RETURN(stream::SubscriptionOptions options, ParseSubscription(request));
  options.on_news = [this] { span_streams_.Signal(); };
  ASSIGN_OR_RETURN(auto ticket, streams_.Enter());
  auto claim = span_demand_.Enter();
  std::shared_ptr<stream::Subscription> subscription = spans_.Subscribe(std::move(options));
  if (subscription == nullptr) {
    return MakeError(absl::StatusCode::kResourceExhausted, "SUBSCRIBERS_EXHAUSTED",
                     "no more subscribers are allowed: end a stream of spans first");
  }
  return std::make_shared<SpanStream>(std::move(subscription), std::move(ticket), std::move(claim),
                                      request.limit());
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* TelemetryService::StreamSpans(
    grpc::CallbackServerContext* /*context*/, const grpc::ByteBuffer* request) {
  v1::StreamSpansRequest parsed;
  grpc::ByteBuffer bytes(*request);
  if (const grpc::Status status =
          grpc::SerializationTraits<v1::StreamSpansRequest>::Deserialize(&bytes, &parsed);
      !status.ok()) {
    return new RefusedStream(status);
  }
  std::shared_ptr<SpanStream> stream;
  const absl::Status opened = CatchExceptions([&] {
    ASSIGN_OR_RETURN(stream, OpenSpanStream(parsed));
    return absl::OkStatus();
  });
  if (!opened.ok()) return new RefusedStream(ToGrpcStatus(opened));
  span_streams_.Add(stream);
  return stream.get();
}

grpc::Status TelemetryService::StreamMetrics(
    grpc::ServerContext* context, const v1::StreamMetricsRequest* request,
    grpc::ServerWriter<v1::StreamMetricsResponse>* writer) {
  return Answer([&] { return Metrics(*context, *request, *writer); });
}

absl::Status TelemetryService::Metrics(const grpc::ServerContext& context,
                                       const v1::StreamMetricsRequest& request,
                                       grpc::ServerWriter<v1::StreamMetricsResponse>& writer) {
  ASSIGN_OR_RETURN(
      const std::chrono::nanoseconds interval,
      ParseInterval(request.has_interval() ? &request.interval() : nullptr, kDefaultInterval));
  ASSIGN_OR_RETURN(const auto ticket, streams_.Enter());
  auto next = std::chrono::steady_clock::now();
  while (true) {
    RETURN_IF_ERROR(streams_.WaitUntil(context, next));
    if (!writer.Write(CollectMetrics(request.name_prefix()))) return ClientGone();
    // A client that reads slowly gets the next metrics one interval later, never a burst.
    next = std::max(next + interval, std::chrono::steady_clock::now());
  }
}

v1::StreamMetricsResponse TelemetryService::CollectMetrics(const std::string& name_prefix) const {
  v1::StreamMetricsResponse response;
  *response.mutable_time() = ToTimestamp(UnixNanosNow());
  for (const metrics::FamilySnapshot& family : collect_metrics_()) {
    if (family.name.starts_with(name_prefix)) FillFamily(family, *response.add_families());
  }
  return response;
}

}  // namespace uprobed::rpc
