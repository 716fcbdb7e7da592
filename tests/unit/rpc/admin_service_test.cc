#include <stdexcept>

#include "tests/unit/rpc/server_fixture.h"

namespace uprobed::rpc {
namespace {

using AdminStub = v1::AdminService::Stub;

class AdminTest : public ServerTest {
 protected:
  grpc::Status GetNode(v1::Node* node) {
    return Call(*admin_, &AdminStub::GetNode, v1::GetNodeRequest(), node);
  }
};

TEST_F(AdminTest, DescribesTheNode) {
  describe_node_ = [] {
    return control::NodeInfo{
        .version = "0.1.0",
        .kernel_release = "6.1",
        .architecture = "x86_64",
        .hostname = "host",
        .boot_id = "boot",
        .libbpf_version = "1.4",
        .sqlite_version = "3.40",
        .store_schema_version = 2,
        .start_time_unix_ns = 3'000'000'000,
        .features = {{.name = "btf", .available = true, .required = true, .detail = "found"}},
        .conditions = {
            {.type = "Reconciled", .ok = false, .reason = "RUNNING", .message = "wait"}}};
  };
  v1::Node node;
  ASSERT_EQ(Summary(GetNode(&node)), "OK");
  EXPECT_EQ(node.version(), "0.1.0");
  EXPECT_EQ(node.kernel_release(), "6.1");
  EXPECT_EQ(node.architecture(), "x86_64");
  EXPECT_EQ(node.hostname(), "host");
  EXPECT_EQ(node.boot_id(), "boot");
  EXPECT_EQ(node.libbpf_version(), "1.4");
  EXPECT_EQ(node.sqlite_version(), "3.40");
  EXPECT_EQ(node.store_schema_version(), 2);
  EXPECT_EQ(node.start_time().seconds(), 3);
  ASSERT_EQ(node.features_size(), 1);
  EXPECT_EQ(node.features(0).name(), "btf");
  EXPECT_TRUE(node.features(0).available());
  EXPECT_TRUE(node.features(0).required());
  EXPECT_EQ(node.features(0).detail(), "found");
  ASSERT_EQ(node.conditions_size(), 1);
  EXPECT_EQ(node.conditions(0).type(), "Reconciled");
  EXPECT_FALSE(node.conditions(0).ok());
  EXPECT_EQ(node.conditions(0).reason(), "RUNNING");
  EXPECT_EQ(node.conditions(0).message(), "wait");
}

TEST_F(AdminTest, SurvivesAnException) {
  describe_node_ = []() -> control::NodeInfo { throw std::runtime_error("no"); };
  v1::Node node;
  EXPECT_EQ(Summary(GetNode(&node)), "INTERNAL INTERNAL");
}

TEST_F(AdminTest, TellsDiagnostics) {
  using Verdict = control::DiagnosticResult::Verdict;
  diagnose_ = [] {
    return std::vector<control::DiagnosticResult>{
        {.check = "a", .verdict = Verdict::kPass, .message = "", .remedy = ""},
        {.check = "b", .verdict = Verdict::kWarning, .message = "slow", .remedy = "wait"},
        {.check = "c", .verdict = Verdict::kFail, .message = "", .remedy = ""}};
  };
  v1::RunDiagnosticsResponse response;
  ASSERT_EQ(
      Summary(Call(*admin_, &AdminStub::RunDiagnostics, v1::RunDiagnosticsRequest(), &response)),
      "OK");
  ASSERT_EQ(response.diagnostics_size(), 3);
  EXPECT_EQ(response.diagnostics(0).verdict(),
            v1::RunDiagnosticsResponse::Diagnostic::VERDICT_PASS);
  EXPECT_EQ(response.diagnostics(1).verdict(),
            v1::RunDiagnosticsResponse::Diagnostic::VERDICT_WARNING);
  EXPECT_EQ(response.diagnostics(1).check(), "b");
  EXPECT_EQ(response.diagnostics(1).message(), "slow");
  EXPECT_EQ(response.diagnostics(1).remedy(), "wait");
  EXPECT_EQ(response.diagnostics(2).verdict(),
            v1::RunDiagnosticsResponse::Diagnostic::VERDICT_FAIL);
}

TEST_F(AdminTest, ListsTheAuditNewestFirst) {
  CreateWaiting("a");
  CreateWaiting("b");
  v1::ListAuditEventsRequest request;
  v1::ListAuditEventsResponse response;
  ASSERT_EQ(Summary(Call(*admin_, &AdminStub::ListAuditEvents, request, &response)), "OK");
  ASSERT_EQ(response.events_size(), 2);
  EXPECT_EQ(response.events(0).resource(), "probes/b");
  EXPECT_EQ(response.events(0).method(), "uprobed.v1.ProbeService/CreateProbe");
  EXPECT_EQ(response.events(0).code(), "OK");
  EXPECT_EQ(response.events(0).peer().substr(0, 5), "unix:");
  EXPECT_GT(response.events(0).time().seconds(), 0);
  request.set_page_size(1);
  response.Clear();
  ASSERT_EQ(Summary(Call(*admin_, &AdminStub::ListAuditEvents, request, &response)), "OK");
  EXPECT_EQ(response.events_size(), 1);
  request.set_page_size(-1);
  EXPECT_EQ(Summary(Call(*admin_, &AdminStub::ListAuditEvents, request, &response)),
            "INVALID_ARGUMENT PAGE_SIZE_NEGATIVE");
}

}  // namespace
}  // namespace uprobed::rpc
