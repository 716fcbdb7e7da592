#include "server/rpc/server.h"

#include <grpcpp/generic/generic_stub.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "server/base/errors.h"
#include "tests/support/tls_files.h"
#include "tests/unit/rpc/server_fixture.h"

namespace uprobed::rpc {
namespace {

// A second server on TCP beside the fixture's on the unix socket.
class TcpTest : public ServerTest {
 protected:
  std::string Refusal(const ServerOptions& options) {
    const auto server = Server::Start(MakeDependencies(), options);
    return server.ok() ? "OK" : uprobed::ReasonOf(server.status());
  }
  std::string RefusalOf(const std::string& address) {
    ServerOptions options;
    options.tcp_address = address;
    return Refusal(options);
  }
  ServerOptions TlsOptions(const std::string& address) {
    ServerOptions options;
    options.tcp_address = address;
    options.tls_certificate_path = dir_.Write("cert.pem", pair_.certificate_pem);
    options.tls_key_path = dir_.Write("key.pem", pair_.key_pem);
    return options;
  }
  void StartTcp(const ServerOptions& options) {
    auto server = Server::Start(MakeDependencies(), options);
    ASSERT_TRUE(server.ok()) << server.status();
    tcp_server_ = *std::move(server);
    ASSERT_GT(tcp_server_->tcp_port(), 0);
  }
  grpc::Status GetNode(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    const auto channel = grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(tcp_server_->tcp_port()), credentials, arguments);
    const auto stub = v1::AdminService::NewStub(channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::Node node;
    return stub->GetNode(&context, v1::GetNodeRequest(), &node);
  }
  std::shared_ptr<grpc::ChannelCredentials> TlsClient(bool with_certificate) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = pair_.certificate_pem;
    if (with_certificate) {
      options.pem_private_key = pair_.key_pem;
      options.pem_cert_chain = pair_.certificate_pem;
    }
    return grpc::SslCredentials(options);
  }

  const testing::TlsPair pair_ = testing::MakeTlsPair();
  std::unique_ptr<Server> tcp_server_;
};

TEST_F(TcpTest, ServesLoopbackWithoutTls) {
  for (const std::string address : {"127.0.0.1:0", "localhost:0"}) {
    ServerOptions options;
    options.tcp_address = address;
    StartTcp(options);
    EXPECT_TRUE(GetNode(grpc::InsecureChannelCredentials()).ok());
  }
}

TEST_F(TcpTest, NeedsTlsWhereOthersCanConnect) {
  for (const std::string address :
       {"0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[2001:db8::1]:0", "example.com:0", "128.0.0.1:0",
        "[::ffff:127.0.0.1]:0", "localhost.example.com:0"}) {
    EXPECT_EQ(RefusalOf(address), "TCP_REQUIRES_TLS") << address;
  }
}

TEST_F(TcpTest, RefusesOtherAddresses) {
  for (const std::string address :
       {"127.0.0.1", ":0", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x",
        "unix:/tmp/x:0", "dns:localhost:0", "::1:0", "[::1:0", "[127.0.0.1]:0", "127.0.0.1:0 "}) {
    EXPECT_EQ(RefusalOf(address), "TCP_ADDRESS_INVALID") << address;
  }
}

TEST_F(TcpTest, NeedsSomewhereToListen) { EXPECT_EQ(RefusalOf(""), "LISTENER_MISSING"); }

TEST_F(TcpTest, NeverSharesAPort) {
  ServerOptions options;
  options.tcp_address = "127.0.0.1:0";
  StartTcp(options);
  EXPECT_EQ(RefusalOf("127.0.0.1:" + std::to_string(tcp_server_->tcp_port())), "LISTEN_FAILED");
}

TEST_F(TcpTest, ServesEverywhereWithTls) {
  StartTcp(TlsOptions("0.0.0.0:0"));
  const grpc::Status status = GetNode(TlsClient(/*with_certificate=*/false));
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_FALSE(GetNode(grpc::InsecureChannelCredentials()).ok());
}

TEST_F(TcpTest, NeedsAClientCertificateWhereAnAuthorityIsGiven) {
  ServerOptions options = TlsOptions("127.0.0.1:0");
  options.tls_client_ca_path = options.tls_certificate_path;
  StartTcp(options);
  EXPECT_FALSE(GetNode(TlsClient(/*with_certificate=*/false)).ok());
  const grpc::Status status = GetNode(TlsClient(/*with_certificate=*/true));
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(TcpTest, NeedsCertificateAndKey) {
  ServerOptions options = TlsOptions("127.0.0.1:0");
  options.tls_key_path.clear();
  EXPECT_EQ(Refusal(options), "TLS_INCOMPLETE");
  options = TlsOptions("127.0.0.1:0");
  options.tls_certificate_path.clear();
  EXPECT_EQ(Refusal(options), "TLS_INCOMPLETE");
  options = {};
  options.tcp_address = "127.0.0.1:0";
  options.tls_client_ca_path = dir_.Write("ca.pem", pair_.certificate_pem);
  EXPECT_EQ(Refusal(options), "TLS_INCOMPLETE");
}

TEST_F(TcpTest, NeedsReadableTlsFiles) {
  ServerOptions options = TlsOptions("127.0.0.1:0");
  options.tls_key_path = dir_.File("missing.pem");
  EXPECT_EQ(Refusal(options), "TLS_FILE_UNREADABLE");
  options = TlsOptions("127.0.0.1:0");
  options.tls_certificate_path = dir_.path().string();
  EXPECT_EQ(Refusal(options), "TLS_FILE_UNREADABLE");
  options = TlsOptions("127.0.0.1:0");
  options.tls_key_path = dir_.Write("garbage.pem", "garbage");
  EXPECT_EQ(Refusal(options), "LISTEN_FAILED");
}

TEST_F(TcpTest, LeavesNoSocketFileWhereItFails) {
  ServerOptions options;
  options.unix_socket_path = dir_.File("second.sock");
  options.tcp_address = "127.0.0.1:0";
  StartTcp(options);
  options.unix_socket_path = dir_.File("third.sock");
  options.tcp_address = "127.0.0.1:" + std::to_string(tcp_server_->tcp_port());
  EXPECT_EQ(Refusal(options), "LISTEN_FAILED");
  EXPECT_FALSE(std::filesystem::exists(options.unix_socket_path));
}

TEST_F(ServerTest, ListensOnASocketOfMode0660) {
  struct stat info {};
  ASSERT_EQ(::lstat(dir_.File("uprobed.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode, S_IFSOCK | 0660U);
  EXPECT_EQ(server_->tcp_port(), 0);
}

TEST_F(ServerTest, RefusesASocketInUse) {
  const auto second = Server::Start(MakeDependencies(), Options());
  EXPECT_EQ(uprobed::ReasonOf(second.status()), "SOCKET_IN_USE");
  v1::Node node;
  EXPECT_TRUE(Call(*admin_, &v1::AdminService::Stub::GetNode, v1::GetNodeRequest(), &node).ok());
}

TEST_F(ServerTest, RemovesItsSocketAndStartsAgain) {
  server_->Shutdown(std::chrono::seconds(10));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("uprobed.sock")));
  server_->Shutdown(std::chrono::seconds(10));
  StartServer(Options());
  v1::Node node;
  EXPECT_TRUE(Call(*admin_, &v1::AdminService::Stub::GetNode, v1::GetNodeRequest(), &node).ok());
}

TEST_F(ServerTest, ServesManyClientsAtOnce) {
  std::vector<std::jthread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([this] {
      const auto stub = v1::AdminService::NewStub(NewChannel());
      for (int call = 0; call < 10; ++call) {
        v1::Node node;
        const grpc::Status status =
            Call(*stub, &v1::AdminService::Stub::GetNode, v1::GetNodeRequest(), &node);
        EXPECT_TRUE(status.ok()) << status.error_message();
      }
    });
  }
}

TEST_F(ServerTest, KeepsThreadsForShortCallsWhateverStreamsAreOpen) {
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::StreamMetricsResponse>>> readers;
  v1::StreamMetricsResponse response;
  for (size_t i = 0; i < Options().max_streams; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(telemetry_->StreamMetrics(contexts.back().get(), {}));
    ASSERT_TRUE(readers.back()->Read(&response));
  }
  {
    grpc::ClientContext context;
    const auto reader = telemetry_->StreamMetrics(&context, {});
    EXPECT_FALSE(reader->Read(&response));
    EXPECT_EQ(Summary(reader->Finish()), "RESOURCE_EXHAUSTED STREAMS_EXHAUSTED");
  }
  v1::Node node;
  EXPECT_TRUE(Call(*admin_, &v1::AdminService::Stub::GetNode, v1::GetNodeRequest(), &node).ok());
  // A stream that ends makes room.
  contexts.front()->TryCancel();
  EXPECT_EQ(readers.front()->Finish().error_code(), grpc::StatusCode::CANCELLED);
  bool started = false;
  while (!started) {
    grpc::ClientContext context;
    const auto reader = telemetry_->StreamMetrics(&context, {});
    started = reader->Read(&response);
    context.TryCancel();
  }
  for (const auto& context : contexts) context->TryCancel();
}

TEST_F(ServerTest, RefusesNoImportBelowFourMebibytes) {
  v1::ImportProfilesRequest request;
  request.add_profiles()->set_go_version(std::string(size_t{3} << 20, 'x'));
  v1::ImportProfilesResponse response;
  EXPECT_EQ(
      Summary(Call(*profiles_, &v1::ProfileService::Stub::ImportProfiles, request, &response)),
      "INVALID_ARGUMENT PROFILE_MALFORMED");
  request.mutable_profiles(0)->set_go_version(std::string(size_t{5} << 20, 'x'));
  EXPECT_EQ(
      Call(*profiles_, &v1::ProfileService::Stub::ImportProfiles, request, &response).error_code(),
      grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ServerTest, IsListedByReflection) {
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  const grpc::Slice list_services("\x3A\x01*");  // field 7, list_services: "*"
  call->WriteLast(grpc::ByteBuffer(&list_services, 1), {}, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  grpc::Slice bytes;
  ASSERT_TRUE(response.DumpToSingleSlice(&bytes).ok());
  const std::string text(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
  for (const std::string name :
       {"uprobed.v1.ProbeService", "uprobed.v1.ProfileService", "uprobed.v1.TelemetryService",
        "uprobed.v1.AdminService", "grpc.health.v1.Health"}) {
    EXPECT_NE(text.find(name), std::string::npos) << name;
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
}

}  // namespace
}  // namespace uprobed::rpc
