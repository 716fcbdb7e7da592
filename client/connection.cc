#include "client/connection.h"

#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "client/failure.h"
#include "fmt/format.h"
#include "grpcpp/create_channel.h"

namespace uprobed::client {
namespace {

constexpr std::string_view kUnixScheme = "unix:";
// Profiles with many sites and spans in large batches are bigger than gRPC's default of 4 MiB.
constexpr int kMaxMessageBytes = 64 * 1024 * 1024;

std::shared_ptr<grpc::Channel> MakeChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // The daemon is on this machine or named on purpose: a proxy for web pages is not meant.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

// The path in "unix:/run/x.sock" or "unix:///run/x.sock"; empty for another kind of address.
std::string SocketPath(const std::string& address) {
  if (address.rfind(kUnixScheme, 0) != 0) return "";
  std::string path = address.substr(kUnixScheme.size());
  if (path.rfind("//", 0) == 0) path = path.substr(2);
  return path;
}

grpc::Status ExplainSocket(const std::string& address, const std::string& path,
                           const std::string& transport_message) {
  if (access(path.c_str(), R_OK | W_OK) == 0) {
    return MakeFailure(grpc::StatusCode::UNAVAILABLE, "DAEMON_NOT_LISTENING",
                       fmt::format("no daemon listens at {} ({})", address, transport_message));
  }
  const int error_number = errno;
  const std::string description = std::generic_category().message(error_number);
  if (error_number == EACCES) {
    return MakeFailure(grpc::StatusCode::PERMISSION_DENIED, "SOCKET_PERMISSION",
                       fmt::format("the socket {} may not be opened by this user", path));
  }
  return MakeFailure(grpc::StatusCode::UNAVAILABLE, "DAEMON_NOT_RUNNING",
                     fmt::format("no daemon answers at {} ({})", address, description));
}

}  // namespace

Connection::Connection(std::string address,
                       const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                       std::chrono::milliseconds timeout, Interrupt& interrupt)
    : address_(std::move(address)), timeout_(timeout), interrupt_(interrupt) {
  const std::shared_ptr<grpc::Channel> channel = MakeChannel(address_, credentials);
  probes_ = v1::ProbeService::NewStub(channel);
  profiles_ = v1::ProfileService::NewStub(channel);
  telemetry_ = v1::TelemetryService::NewStub(channel);
  admin_ = v1::AdminService::NewStub(channel);
  health_ = grpc::health::v1::Health::NewStub(channel);
}

grpc::Status Connection::Explain(const grpc::Status& status) const {
  // With details it is the daemon that said it.
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE || !status.error_details().empty()) {
    return status;
  }
  const std::string path = SocketPath(address_);
  if (!path.empty()) return ExplainSocket(address_, path, status.error_message());
  return MakeFailure(grpc::StatusCode::UNAVAILABLE, "DAEMON_NOT_RUNNING",
                     fmt::format("no daemon answers at {} ({})", address_, status.error_message()));
}

grpc::Status Connection::ExplainLost(const grpc::Status& status) const {
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE || !status.error_details().empty()) {
    return status;
  }
  return MakeFailure(
      grpc::StatusCode::UNAVAILABLE, "CONNECTION_LOST",
      fmt::format("the connection to {} broke off ({})", address_, status.error_message()));
}

}  // namespace uprobed::client
