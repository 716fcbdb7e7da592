#ifndef UPROBED_TESTS_UNIT_CLIENT_FAKE_DAEMON_H_
#define UPROBED_TESTS_UNIT_CLIENT_FAKE_DAEMON_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/empty.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/support/status.h"
#include "tests/support/temp_dir.h"
#include "uprobed/v1/admin.pb.h"
#include "uprobed/v1/probe.pb.h"
#include "uprobed/v1/profile.pb.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

// What the fake daemon answers, and what it was asked. Tests set the answers before a command runs
// and read the questions after it ended.
struct Script {
  // What every call ends with; responses are sent only where it is OK (unary) or before it
  // (streams).
  grpc::Status status;
  // Runs in each call before it is answered.
  std::function<void()> before_answer = [] {};
  // Streams go on until the client leaves, repeating their last response.
  bool endless = false;

  v1::Probe probe;
  std::vector<v1::ListProbesResponse> probe_pages;
  std::vector<v1::WatchProbesResponse> probe_events;
  v1::ResolveProfileResponse resolved;
  v1::Profile profile;
  v1::ListProfilesResponse profiles;
  v1::ExportProfilesResponse exported;
  v1::ImportProfilesResponse imported;
  v1::VerifyProfileResponse verified;
  std::vector<v1::StreamSpansResponse> spans;
  std::vector<v1::StreamMetricsResponse> metrics;
  v1::Topology topology;
  std::vector<v1::WatchTopologyResponse> topology_changes;
  v1::Node node;
  v1::RunDiagnosticsResponse diagnostics;
  v1::ListAuditEventsResponse audit;
  grpc::health::v1::HealthCheckResponse health;

  v1::CreateProbeRequest create_probe;
  v1::GetProbeRequest get_probe;
  std::vector<std::string> probe_page_tokens;
  v1::UpdateProbeRequest update_probe;
  v1::DeleteProbeRequest delete_probe;
  v1::ResolveProfileRequest resolve_profile;
  v1::GetProfileRequest get_profile;
  v1::DeleteProfileRequest delete_profile;
  v1::ExportProfilesRequest export_profiles;
  v1::ImportProfilesRequest import_profiles;
  v1::VerifyProfileRequest verify_profile;
  v1::StreamSpansRequest stream_spans;
  v1::StreamMetricsRequest stream_metrics;
  v1::GetTopologyRequest get_topology;
  v1::WatchTopologyRequest watch_topology;
  v1::ListAuditEventsRequest list_audit;
};

// Where one thread hands memory over to another with nothing but a socket between them: that orders
// their accesses, but ThreadSanitizer does not know.
class Handover {
 public:
  void Pass() { passed_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  std::atomic<int> passed_ = 0;
};

// A gRPC server on a unix socket that answers by `script`.
class FakeDaemon {
 public:
  FakeDaemon();
  ~FakeDaemon();

  // "unix:/tmp/.../s"; to be asked for after the answers were set.
  std::string address() const {
    handover_.Pass();
    return "unix:" + directory_.File("s");
  }
  const testing::TempDir& directory() const { return directory_; }
  // To be called before the questions are read; RunCommand does.
  void CallsHaveEnded() const { handover_.Pass(); }

  Script script;

 private:
  class Services;
  testing::TempDir directory_;
  mutable Handover handover_;
  std::unique_ptr<Services> services_;
};

// How a command ended.
struct CommandResult {
  int exit_code = -1;
  std::string out;
  std::string err;
};

struct CommandOptions {
  std::string input;
  bool out_is_terminal = false;
  std::map<std::string, std::string> environment = {{"TERM", "xterm"}};
};

// Runs uprobectl in this process.
CommandResult RunCommand(const std::vector<std::string>& arguments,
                         const CommandOptions& options = {});
// The same against `daemon`.
CommandResult RunCommand(const FakeDaemon& daemon, std::vector<std::string> arguments,
                         const CommandOptions& options = {});

// An error as the daemon sends it.
grpc::Status DaemonError(grpc::StatusCode code, const std::string& reason,
                         const std::string& message);

// Whether `text` is one JSON object.
bool IsJsonObject(const std::string& text);
std::vector<std::string> Lines(const std::string& text);

}  // namespace uprobed::client

#endif  // UPROBED_TESTS_UNIT_CLIENT_FAKE_DAEMON_H_
