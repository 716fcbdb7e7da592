#include "client/credentials.h"

#include "gmock/gmock.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tls_files.h"
#include "tests/unit/client/fake_daemon.h"
#include "uprobed/v1/admin.grpc.pb.h"

namespace uprobed::client {
namespace {

using ::testing::HasSubstr;

class NamedNode : public v1::AdminService::Service {
  grpc::Status GetNode(grpc::ServerContext*, const v1::GetNodeRequest*,
                       v1::Node* response) override {
    response->set_version("0.9.9");
    return grpc::Status::OK;
  }
};

// A daemon on loopback that shows a certificate and asks for one.
class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_key_cert_pairs.push_back({pair_.key_pem, pair_.certificate_pem});
    options.pem_root_certs = pair_.certificate_pem;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port_);
    builder.RegisterService(&node_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void TearDown() override { server_->Shutdown(std::chrono::system_clock::now()); }

  CommandResult Version(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--address", "127.0.0.1:" + std::to_string(port_),
                                         "--timeout", "30s", "version"});
    return RunCommand(arguments);
  }

  const testing::TempDir directory_;
  const testing::TlsPair pair_ = testing::MakeTlsPair();
  const std::string certificate_ = directory_.Write("cert.pem", pair_.certificate_pem);
  const std::string key_ = directory_.Write("key.pem", pair_.key_pem);
  NamedNode node_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

TEST_F(TlsTest, ReachesADaemonThatAsksForACertificate) {
  const CommandResult result =
      Version({"--tls-ca", certificate_, "--tls-cert", certificate_, "--tls-key", key_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("0.9.9"));
}

TEST_F(TlsTest, TrustsNobodyElse) {
  const std::string other = directory_.Write("other.pem", testing::MakeTlsPair().certificate_pem);
  EXPECT_EQ(Version({"--tls-ca", other, "--tls-cert", certificate_, "--tls-key", key_}).exit_code,
            4);
  EXPECT_EQ(Version({"--tls", "--tls-cert", certificate_, "--tls-key", key_}).exit_code, 4);
  EXPECT_EQ(Version({"--tls-ca", certificate_}).exit_code, 4) << "the daemon asks who we are";
  EXPECT_EQ(Version({}).exit_code, 4) << "plain text";
}

TEST_F(TlsTest, NeedsBothCertificateAndKey) {
  const CommandResult result = Version({"--tls-cert", certificate_});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("TLS_INCOMPLETE"));
  EXPECT_EQ(Version({"--tls-key", key_}).exit_code, 2);
}

TEST_F(TlsTest, SaysWhichFileCannotBeRead) {
  const std::string missing = directory_.File("missing.pem");
  const CommandResult result = Version({"--tls-ca", missing});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr(missing));
}

}  // namespace
}  // namespace uprobed::client
