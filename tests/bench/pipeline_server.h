#ifndef UPROBED_TESTS_BENCH_PIPELINE_SERVER_H_
#define UPROBED_TESTS_BENCH_PIPELINE_SERVER_H_

#include <grpcpp/server.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "server/rpc/open_streams.h"
#include "server/rpc/telemetry_service.h"
#include "tests/bench/pipeline.h"
#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::bench {

// What subscribers ask for: whole spans, the same as compact ones, or what a dashboard shows, which
// is name, times and status code.
enum class Reading { kWhole, kCompact, kMasked };
inline constexpr size_t kReadings = 3;
v1::StreamSpansRequest RequestFor(Reading reading);

// Serves the spans of a pipeline over a unix socket to subscribers that are one process of their
// own, with a connection for each.
class PipelineServer {
 public:
  PipelineServer(Pipeline& pipeline, size_t subscribers, Reading reading);
  ~PipelineServer();
  // False where something cannot be started.
  bool Start();
  // Feeds records as fast as subscribers take their spans, so that none is dropped, and returns
  // when all are handed to their connections.
  void FeedAndDeliver(size_t records);
  uint64_t dropped() const { return pipeline_.hub().stats().dropped; }

 private:
  void WaitForQueues(uint64_t at_most) const;

  Pipeline& pipeline_;
  const size_t subscribers_;
  const Reading reading_;
  testing::TempDir dir_;
  rpc::OpenStreams streams_{128};
  stream::SpanDemand span_demand_{[](bool) {}};
  rpc::TelemetryService service_;
  std::unique_ptr<grpc::Server> server_;
  std::optional<testing::ChildProcess> process_;
};

// The subscribers' process: reads and forgets until the server ends. Returns its exit code.
int RunSubscribers(const std::string& address, size_t count, Reading reading);

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_PIPELINE_SERVER_H_
