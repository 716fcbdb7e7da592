#ifndef UPROBED_TESTS_BENCH_DAEMON_UNDER_TEST_H_
#define UPROBED_TESTS_BENCH_DAEMON_UNDER_TEST_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/child_process.h"
#include "uprobed/v1/probe.grpc.pb.h"
#include "uprobed/v1/telemetry.grpc.pb.h"

namespace uprobed::bench {

// The daemon as users have it, a process of its own, and one connection to it. Ends with the
// object.
class DaemonUnderTest {
 public:
  // `folder` gets the socket and the database; a daemon started there again finds what it was told.
  // Returns when the health service says SERVING.
  static absl::StatusOr<std::unique_ptr<DaemonUnderTest>> Start(const std::string& folder);
  ~DaemonUnderTest();
  DaemonUnderTest(const DaemonUnderTest&) = delete;
  DaemonUnderTest& operator=(const DaemonUnderTest&) = delete;

  pid_t pid() const { return process_.pid(); }
  double start_ms() const { return start_ms_; }  // from the start of the process to SERVING
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // With no limit to what the probe may cost, where the daemon has one: what it costs is measured.
  absl::StatusOr<v1::Probe> Create(const std::string& id, v1::ProbeSpec spec,
                                   bool allow_missing_binary = false);
  absl::StatusOr<v1::Probe> Get(const std::string& id);
  absl::Status Delete(const std::string& id);

 private:
  DaemonUnderTest(testing::ChildProcess process, std::shared_ptr<grpc::Channel> channel);

  testing::ChildProcess process_;
  double start_ms_ = 0;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ProbeService::Stub> probes_;
};

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_DAEMON_UNDER_TEST_H_
