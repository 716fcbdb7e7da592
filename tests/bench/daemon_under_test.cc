#include "tests/bench/daemon_under_test.h"

#include <grpcpp/create_channel.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/base/errors.h"
#include "server/base/unique_fd.h"
#include "tests/bench/measurement.h"

#ifndef UPROBED_DAEMON
#error "the path of the daemon's program"
#endif

namespace uprobed::bench {
namespace {

constexpr std::chrono::milliseconds kLookAgain(1);
constexpr std::chrono::seconds kStartTimeout(120);

absl::Status FromGrpc(const grpc::Status& status, const std::string& what) {
  if (status.ok()) return absl::OkStatus();
  return MakeError(static_cast<absl::StatusCode>(status.error_code()), "BENCH_FAILED",
                   what + ": " + status.error_message());
}

// A channel that finds nobody there waits a second before it tries again, so it is made only then.
bool AcceptsConnections(const std::string& socket_path) {
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

bool IsServing(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckResponse response;
  return grpc::health::v1::Health::NewStub(channel)->Check(&context, {}, &response).ok() &&
         response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
}

}  // namespace

DaemonUnderTest::DaemonUnderTest(testing::ChildProcess process,
                                 std::shared_ptr<grpc::Channel> channel)
    : process_(std::move(process)),
      channel_(std::move(channel)),
      probes_(v1::ProbeService::NewStub(channel_)) {}

DaemonUnderTest::~DaemonUnderTest() {
  kill(process_.pid(), SIGTERM);
  process_.Wait();
}

absl::StatusOr<std::unique_ptr<DaemonUnderTest>> DaemonUnderTest::Start(const std::string& folder) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string socket_path = folder + "/uprobed.sock";
  std::optional<testing::ChildProcess> process = testing::ChildProcess::Start(
      {UPROBED_DAEMON, "--socket", socket_path, "--database", folder + "/state.db",
       "--metrics-address", "off", "--log-level", "error"});
  std::shared_ptr<grpc::Channel> channel;
  while (process.has_value() && std::chrono::steady_clock::now() - begin < kStartTimeout) {
    if (channel == nullptr && AcceptsConnections(socket_path)) {
      channel = grpc::CreateChannel("unix:" + socket_path, grpc::InsecureChannelCredentials());
    }
    if (channel != nullptr && IsServing(channel)) {
      std::unique_ptr<DaemonUnderTest> daemon(
          new DaemonUnderTest(std::move(*process), std::move(channel)));
      daemon->start_ms_ = MillisecondsSince(begin);
      return daemon;
    }
    std::this_thread::sleep_for(kLookAgain);
  }
  return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED",
                   "the daemon does not come up: start " UPROBED_DAEMON " by hand to see why");
}

absl::StatusOr<v1::Probe> DaemonUnderTest::Create(const std::string& id, v1::ProbeSpec spec,
                                                  bool allow_missing_binary) {
  spec.set_max_overhead(0);  // what all costs is to be measured
  v1::CreateProbeRequest request;
  request.set_probe_id(id);
  request.set_allow_missing_binary(allow_missing_binary);
  *request.mutable_probe()->mutable_spec() = std::move(spec);
  grpc::ClientContext context;
  v1::Probe probe;
  RETURN_IF_ERROR(FromGrpc(probes_->CreateProbe(&context, request, &probe), "create " + id));
  return probe;
}

absl::StatusOr<v1::Probe> DaemonUnderTest::Get(const std::string& id) {
  v1::GetProbeRequest request;
  request.set_name("probes/" + id);
  grpc::ClientContext context;
  v1::Probe probe;
  RETURN_IF_ERROR(FromGrpc(probes_->GetProbe(&context, request, &probe), "get " + id));
  return probe;
}

absl::Status DaemonUnderTest::Delete(const std::string& id) {
  v1::DeleteProbeRequest request;
  request.set_name("probes/" + id);
  grpc::ClientContext context;
  google::protobuf::Empty empty;
  return FromGrpc(probes_->DeleteProbe(&context, request, &empty), "delete " + id);
}

}  // namespace uprobed::bench
