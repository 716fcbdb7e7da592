#include "tests/unit/rpc/server_fixture.h"

#include <utility>

#include "google/rpc/status.pb.h"

namespace uprobed::rpc {
namespace {

template <typename Detail>
bool FindDetail(const grpc::Status& status, Detail& detail) {
  google::rpc::Status wire;
  if (!wire.ParseFromString(status.error_details())) return false;
  for (const auto& any : wire.details()) {
    if (any.UnpackTo(&detail)) return true;
  }
  return false;
}

}  // namespace

google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status) {
  google::rpc::ErrorInfo info;
  EXPECT_TRUE(FindDetail(status, info)) << status.error_code() << " " << status.error_message();
  return info;
}

std::string ReasonOf(const grpc::Status& status) { return ErrorInfoOf(status).reason(); }

std::string FieldOf(const grpc::Status& status) {
  google::rpc::BadRequest detail;
  return FindDetail(status, detail) ? detail.field_violations(0).field() : "";
}

std::string ResourceOf(const grpc::Status& status) {
  google::rpc::ResourceInfo detail;
  return FindDetail(status, detail) ? detail.resource_type() + " " + detail.resource_name() : "";
}

std::string Summary(const grpc::Status& status) {
  if (status.ok()) return "OK";
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code())) + " " +
         ReasonOf(status);
}

void ServerTest::SetUp() {
  auto store = store::Store::Open(":memory:", 1);
  ASSERT_TRUE(store.ok()) << store.status();
  store_ = *std::move(store);
  const std::string proc_root = dir_.File("proc");
  std::filesystem::create_directory(proc_root);
  catalog_ = std::make_unique<control::ProfileCatalog>(*store_, proc_root);
  directory_ = std::make_unique<control::EventDirectory>(proc_root);
  control::ProbeController::Options options;
  options.proc_root = proc_root;
  options.reconcile_period = std::chrono::hours(1);
  controller_ = std::make_unique<control::ProbeController>(*store_, *catalog_, backend_,
                                                           *directory_, std::move(options));
  const absl::Status started = controller_->Start();
  ASSERT_TRUE(started.ok()) << started;
  StartServer(Options());
}

void ServerTest::TearDown() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::seconds(10));
}

Dependencies ServerTest::MakeDependencies() {
  return {.probes = *controller_,
          .profiles = *catalog_,
          .store = *store_,
          .spans = hub_,
          .span_demand = span_demand_,
          .topology = topology_,
          .collect_metrics = [this] { return collector_(); },
          .describe_node = [this] { return describe_node_(); },
          .diagnose = [this] { return diagnose_(); }};
}

ServerOptions ServerTest::Options() const {
  ServerOptions options;
  options.unix_socket_path = dir_.File("uprobed.sock");
  options.max_streams = 4;
  return options;
}

void ServerTest::StartServer(const ServerOptions& options) {
  server_.reset();
  auto server = Server::Start(MakeDependencies(), options);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  Connect();
}

void ServerTest::Connect() {
  channel_ = NewChannel();
  probes_ = v1::ProbeService::NewStub(channel_);
  profiles_ = v1::ProfileService::NewStub(channel_);
  telemetry_ = v1::TelemetryService::NewStub(channel_);
  admin_ = v1::AdminService::NewStub(channel_);
  health_ = grpc::health::v1::Health::NewStub(channel_);
}

std::shared_ptr<grpc::Channel> ServerTest::NewChannel() const {
  // Channels to one target share their connection otherwise, also with that of a test before.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("unix:" + dir_.File("uprobed.sock"),
                                   grpc::InsecureChannelCredentials(), arguments);
}

v1::CreateProbeRequest ServerTest::WaitingProbe(const std::string& id) const {
  v1::CreateProbeRequest request;
  request.set_probe_id(id);
  request.set_allow_missing_binary(true);
  request.mutable_probe()->mutable_spec()->set_binary_path(dir_.File(id));
  return request;
}

v1::Probe ServerTest::CreateWaiting(const std::string& id) {
  v1::Probe probe;
  const grpc::Status status =
      Call(*probes_, &v1::ProbeService::Stub::CreateProbe, WaitingProbe(id), &probe);
  EXPECT_EQ(Summary(status), "OK") << status.error_message();
  return probe;
}

std::string ServerTest::GoProgram() const {
  const auto targets = testing::AvailableTargets("hello");
  return targets.empty() ? "" : targets.back().path.string();
}

}  // namespace uprobed::rpc
