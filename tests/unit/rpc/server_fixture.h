#ifndef UPROBED_TESTS_UNIT_RPC_SERVER_FIXTURE_H_
#define UPROBED_TESTS_UNIT_RPC_SERVER_FIXTURE_H_

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "server/base/errors.h"
#include "server/control/event_directory.h"
#include "server/control/probe_controller.h"
#include "server/rpc/encode_span.h"
#include "server/rpc/server.h"
#include "server/rpc/span_encoders.h"
#include "tests/support/fake_probe_backend.h"
#include "tests/support/targets.h"
#include "tests/support/temp_dir.h"
#include "uprobed/v1/admin.grpc.pb.h"
#include "uprobed/v1/probe.grpc.pb.h"
#include "uprobed/v1/profile.grpc.pb.h"
#include "uprobed/v1/telemetry.grpc.pb.h"

namespace uprobed::rpc {

// Of an error's ErrorInfo; a test fails where an error has none.
google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status);
using uprobed::ReasonOf;
std::string ReasonOf(const grpc::Status& status);
// Of its BadRequest; empty where it has none.
std::string FieldOf(const grpc::Status& status);
// Of its ResourceInfo: "probe probes/shop".
std::string ResourceOf(const grpc::Status& status);

// "NOT_FOUND PROBE_NOT_FOUND"; "OK".
std::string Summary(const grpc::Status& status);

// A server on a unix socket, a real controller with a fake kernel, a real store in memory.
class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  Dependencies MakeDependencies();
  ServerOptions Options() const;
  // Replaces the running server.
  void StartServer(const ServerOptions& options);
  void Connect();
  std::shared_ptr<grpc::Channel> NewChannel() const;

  // A request for a probe of a file that is not there (yet).
  v1::CreateProbeRequest WaitingProbe(const std::string& id) const;
  v1::Probe CreateWaiting(const std::string& id);
  // The newest Go program there is; skips the test where none is built.
  std::string GoProgram() const;

  testing::TempDir dir_;
  testing::FakeProbeBackend backend_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<control::ProfileCatalog> catalog_;
  std::unique_ptr<control::EventDirectory> directory_;
  std::unique_ptr<control::ProbeController> controller_;
  int encodings_ = 0;  // of spans that the test has published
  stream::SpanHub hub_{
      {.whole =
           [this](const span::Span& span, const stream::SpanMask& mask, std::string& to) {
             ++encodings_;
             EncodeSpan(span, mask, to);
           },
       .make_compact = SpanEncoders().make_compact},
      2};
  stream::SpanDemand span_demand_{[this](bool wanted) { backend_.SetSpansStreamed(wanted); }};
  span::Topology topology_;
  metrics::Collector collector_ = [] { return std::vector<metrics::FamilySnapshot>(); };
  std::function<control::NodeInfo()> describe_node_ = [] { return control::NodeInfo(); };
  std::function<std::vector<control::DiagnosticResult>()> diagnose_ = [] {
    return std::vector<control::DiagnosticResult>();
  };
  std::unique_ptr<Server> server_;

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ProbeService::Stub> probes_;
  std::unique_ptr<v1::ProfileService::Stub> profiles_;
  std::unique_ptr<v1::TelemetryService::Stub> telemetry_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
  std::unique_ptr<grpc::health::v1::Health::Stub> health_;
};

// Calls a unary method: Call(*stub, &Stub::GetProbe, request, &response).
template <typename Stub, typename Request, typename Response>
grpc::Status Call(Stub& stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response* response) {
  grpc::ClientContext context;
  return (stub.*method)(&context, request, response);
}

}  // namespace uprobed::rpc

#endif  // UPROBED_TESTS_UNIT_RPC_SERVER_FIXTURE_H_
