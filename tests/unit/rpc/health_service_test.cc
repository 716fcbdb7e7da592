#include "tests/unit/rpc/server_fixture.h"

namespace uprobed::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class HealthTest : public ServerTest {
 protected:
  grpc::Status Check(const std::string& service, HealthCheckResponse* response) {
    HealthCheckRequest request;
    request.set_service(service);
    return Call(*health_, &grpc::health::v1::Health::Stub::Check, request, response);
  }
  std::string Status(const std::string& service) {
    HealthCheckResponse response;
    EXPECT_EQ(Summary(Check(service, &response)), "OK") << service;
    return HealthCheckResponse::ServingStatus_Name(response.status());
  }
  void Watch(const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    reader_ = health_->Watch(&context_, request);
  }
  std::string Next() {
    HealthCheckResponse response;
    return reader_->Read(&response) ? HealthCheckResponse::ServingStatus_Name(response.status())
                                    : "end";
  }
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader_;
};

TEST_F(HealthTest, ServesOnlyOnceTheDaemonSaysSo) {
  const std::vector<std::string> names = {"",
                                          "readiness",
                                          "uprobed.v1.ProbeService",
                                          "uprobed.v1.ProfileService",
                                          "uprobed.v1.TelemetryService",
                                          "uprobed.v1.AdminService",
                                          "grpc.health.v1.Health"};
  for (const std::string& name : names) EXPECT_EQ(Status(name), "NOT_SERVING") << name;
  server_->SetServing(true);
  for (const std::string& name : names) EXPECT_EQ(Status(name), "SERVING") << name;
  server_->SetServing(false);
  for (const std::string& name : names) EXPECT_EQ(Status(name), "NOT_SERVING") << name;
}

TEST_F(HealthTest, IsAliveBeforeItIsReady) { EXPECT_EQ(Status("liveness"), "SERVING"); }

TEST_F(HealthTest, DoesNotKnowOtherServices) {
  HealthCheckResponse response;
  EXPECT_EQ(Summary(Check("uprobed.v1.Nothing", &response)), "NOT_FOUND SERVICE_NOT_FOUND");
  Watch("uprobed.v1.Nothing");
  EXPECT_EQ(Next(), "SERVICE_UNKNOWN");
  context_.TryCancel();
}

TEST_F(HealthTest, TellsChangesUntilTheEnd) {
  Watch("");
  EXPECT_EQ(Next(), "NOT_SERVING");
  server_->SetServing(true);
  EXPECT_EQ(Next(), "SERVING");
  server_->Shutdown(std::chrono::seconds(10));
  EXPECT_EQ(Next(), "NOT_SERVING");
  EXPECT_EQ(Next(), "end");
  EXPECT_EQ(Summary(reader_->Finish()), "UNAVAILABLE SHUTTING_DOWN");
}

}  // namespace
}  // namespace uprobed::rpc
