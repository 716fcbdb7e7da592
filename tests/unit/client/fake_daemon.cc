#include "tests/unit/client/fake_daemon.h"

#include <sstream>
#include <stdexcept>

#include "client/command_line.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/server_interceptor.h"
#include "uprobed/v1/admin.grpc.pb.h"
#include "uprobed/v1/probe.grpc.pb.h"
#include "uprobed/v1/profile.grpc.pb.h"
#include "uprobed/v1/telemetry.grpc.pb.h"

namespace uprobed::client {
namespace {

using Context = grpc::ServerContext;
using google::protobuf::Empty;

template <class Request, class Response>
grpc::Status Answer(Script& script, const Request& request, Request* asked,
                    const Response& prepared, Response* response) {
  *asked = request;
  script.before_answer();
  *response = prepared;
  return script.status;
}

template <class Response>
grpc::Status AnswerStream(Script& script, const std::vector<Response>& prepared,
                          grpc::ServerWriter<Response>* writer) {
  for (const Response& response : prepared) writer->Write(response);
  script.before_answer();
  // Each write waits for room, and fails once the client has gone.
  while (script.endless && writer->Write(prepared.back())) {
  }
  return script.status;
}

class Probes : public v1::ProbeService::Service {
 public:
  explicit Probes(Script& script) : script_(script) {}
  grpc::Status CreateProbe(Context*, const v1::CreateProbeRequest* request,
                           v1::Probe* response) override {
    return Answer(script_, *request, &script_.create_probe, script_.probe, response);
  }
  grpc::Status GetProbe(Context*, const v1::GetProbeRequest* request,
                        v1::Probe* response) override {
    return Answer(script_, *request, &script_.get_probe, script_.probe, response);
  }
  grpc::Status ListProbes(Context*, const v1::ListProbesRequest* request,
                          v1::ListProbesResponse* response) override {
    const size_t page = script_.probe_page_tokens.size();
    script_.probe_page_tokens.push_back(request->page_token());
    if (page < script_.probe_pages.size()) *response = script_.probe_pages[page];
    return script_.status;
  }
  grpc::Status UpdateProbe(Context*, const v1::UpdateProbeRequest* request,
                           v1::Probe* response) override {
    return Answer(script_, *request, &script_.update_probe, script_.probe, response);
  }
  grpc::Status DeleteProbe(Context*, const v1::DeleteProbeRequest* request,
                           Empty* response) override {
    return Answer(script_, *request, &script_.delete_probe, Empty(), response);
  }
  grpc::Status WatchProbes(Context*, const v1::WatchProbesRequest*,
                           grpc::ServerWriter<v1::WatchProbesResponse>* writer) override {
    return AnswerStream(script_, script_.probe_events, writer);
  }

 private:
  Script& script_;
};

class Profiles : public v1::ProfileService::Service {
 public:
  explicit Profiles(Script& script) : script_(script) {}
  grpc::Status ResolveProfile(Context*, const v1::ResolveProfileRequest* request,
                              v1::ResolveProfileResponse* response) override {
    return Answer(script_, *request, &script_.resolve_profile, script_.resolved, response);
  }
  grpc::Status GetProfile(Context*, const v1::GetProfileRequest* request,
                          v1::Profile* response) override {
    return Answer(script_, *request, &script_.get_profile, script_.profile, response);
  }
  grpc::Status ListProfiles(Context*, const v1::ListProfilesRequest*,
                            v1::ListProfilesResponse* response) override {
    *response = script_.profiles;
    return script_.status;
  }
  grpc::Status DeleteProfile(Context*, const v1::DeleteProfileRequest* request,
                             Empty* response) override {
    return Answer(script_, *request, &script_.delete_profile, Empty(), response);
  }
  grpc::Status ExportProfiles(Context*, const v1::ExportProfilesRequest* request,
                              v1::ExportProfilesResponse* response) override {
    return Answer(script_, *request, &script_.export_profiles, script_.exported, response);
  }
  grpc::Status ImportProfiles(Context*, const v1::ImportProfilesRequest* request,
                              v1::ImportProfilesResponse* response) override {
    return Answer(script_, *request, &script_.import_profiles, script_.imported, response);
  }
  grpc::Status VerifyProfile(Context*, const v1::VerifyProfileRequest* request,
                             v1::VerifyProfileResponse* response) override {
    return Answer(script_, *request, &script_.verify_profile, script_.verified, response);
  }

 private:
  Script& script_;
};

class Telemetry : public v1::TelemetryService::Service {
 public:
  explicit Telemetry(Script& script) : script_(script) {}
  grpc::Status StreamSpans(Context*, const v1::StreamSpansRequest* request,
                           grpc::ServerWriter<v1::StreamSpansResponse>* writer) override {
    script_.stream_spans = *request;
    return AnswerStream(script_, script_.spans, writer);
  }
  grpc::Status StreamMetrics(Context*, const v1::StreamMetricsRequest* request,
                             grpc::ServerWriter<v1::StreamMetricsResponse>* writer) override {
    script_.stream_metrics = *request;
    return AnswerStream(script_, script_.metrics, writer);
  }
  grpc::Status GetTopology(Context*, const v1::GetTopologyRequest* request,
                           v1::Topology* response) override {
    return Answer(script_, *request, &script_.get_topology, script_.topology, response);
  }
  grpc::Status WatchTopology(Context*, const v1::WatchTopologyRequest* request,
                             grpc::ServerWriter<v1::WatchTopologyResponse>* writer) override {
    script_.watch_topology = *request;
    return AnswerStream(script_, script_.topology_changes, writer);
  }

 private:
  Script& script_;
};

class Admin : public v1::AdminService::Service {
 public:
  explicit Admin(Script& script) : script_(script) {}
  grpc::Status GetNode(Context*, const v1::GetNodeRequest*, v1::Node* response) override {
    *response = script_.node;
    return script_.status;
  }
  grpc::Status RunDiagnostics(Context*, const v1::RunDiagnosticsRequest*,
                              v1::RunDiagnosticsResponse* response) override {
    *response = script_.diagnostics;
    return script_.status;
  }
  grpc::Status ListAuditEvents(Context*, const v1::ListAuditEventsRequest* request,
                               v1::ListAuditEventsResponse* response) override {
    return Answer(script_, *request, &script_.list_audit, script_.audit, response);
  }

 private:
  Script& script_;
};

class HealthService : public grpc::health::v1::Health::Service {
 public:
  explicit HealthService(Script& script) : script_(script) {}
  grpc::Status Check(Context*, const grpc::health::v1::HealthCheckRequest*,
                     grpc::health::v1::HealthCheckResponse* response) override {
    *response = script_.health;
    return script_.status;
  }

 private:
  Script& script_;
};

// Each call takes the script over from the test when it begins, and hands it back when it ends.
class TakesScriptOver : public grpc::experimental::Interceptor {
 public:
  explicit TakesScriptOver(Handover& handover) : handover_(handover) {}
  void Intercept(grpc::experimental::InterceptorBatchMethods* call) override {
    handover_.Pass();
    call->Proceed();
  }

 private:
  Handover& handover_;
};

class TakesScriptOverFactory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit TakesScriptOverFactory(Handover& handover) : handover_(handover) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* /*info*/) override {
    return new TakesScriptOver(handover_);
  }

 private:
  Handover& handover_;
};

}  // namespace

class FakeDaemon::Services {
 public:
  Services(Script& script, Handover& handover, const std::string& address)
      : probes_(script), profiles_(script), telemetry_(script), admin_(script), health_(script) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&probes_);
    builder.RegisterService(&profiles_);
    builder.RegisterService(&telemetry_);
    builder.RegisterService(&admin_);
    builder.RegisterService(&health_);
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> factories;
    factories.push_back(std::make_unique<TakesScriptOverFactory>(handover));
    builder.experimental().SetInterceptorCreators(std::move(factories));
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) throw std::runtime_error("listen on " + address);
  }
  ~Services() { server_->Shutdown(std::chrono::system_clock::now()); }

 private:
  Probes probes_;
  Profiles profiles_;
  Telemetry telemetry_;
  Admin admin_;
  HealthService health_;
  std::unique_ptr<grpc::Server> server_;
};

FakeDaemon::FakeDaemon() : services_(std::make_unique<Services>(script, handover_, address())) {}
FakeDaemon::~FakeDaemon() = default;

CommandResult RunCommand(const std::vector<std::string>& arguments, const CommandOptions& options) {
  std::istringstream in(options.input);
  std::ostringstream out;
  std::ostringstream err;
  Interrupt interrupt;
  const Streams streams{in, out, err, options.out_is_terminal, options.out_is_terminal};
  const ExitCode exit_code = RunCommandLine(arguments, streams, options.environment, interrupt);
  return {static_cast<int>(exit_code), out.str(), err.str()};
}

CommandResult RunCommand(const FakeDaemon& daemon, std::vector<std::string> arguments,
                         const CommandOptions& options) {
  arguments.insert(arguments.begin(), {"--address", daemon.address()});
  CommandResult result = RunCommand(arguments, options);
  daemon.CallsHaveEnded();
  return result;
}

grpc::Status DaemonError(grpc::StatusCode code, const std::string& reason,
                         const std::string& message) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("uprobed.v1");
  (*info.mutable_metadata())["path"] = "/bin/true";
  google::rpc::BadRequest request;
  auto* violation = request.add_field_violations();
  violation->set_field("probe.spec");
  violation->set_description("is wrong");
  google::rpc::Status details;
  details.set_code(static_cast<int>(code));
  details.set_message(message);
  details.add_details()->PackFrom(info);
  details.add_details()->PackFrom(request);
  return {code, message, details.SerializeAsString()};
}

bool IsJsonObject(const std::string& text) {
  google::protobuf::Struct object;
  return google::protobuf::util::JsonStringToMessage(text, &object).ok();
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace uprobed::client
