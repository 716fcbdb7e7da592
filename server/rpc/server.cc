#include "server/rpc/server.h"

#include <fmt/format.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "server/base/errors.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/audit.h"
#include "server/rpc/cut_connections.h"
#include "server/rpc/health_service.h"
#include "server/rpc/health_state.h"
#include "server/rpc/open_streams.h"
#include "server/rpc/probe_service.h"
#include "server/rpc/profile_service.h"
#include "server/rpc/status_guard.h"
#include "server/rpc/tcp_listener.h"
#include "server/rpc/telemetry_service.h"
#include "server/rpc/unix_acceptor.h"
#include "server/rpc/unix_socket.h"

namespace uprobed::rpc {
namespace {

// An import of some hundred profiles fits.
constexpr int kMaxReceiveBytes = 4 << 20;
// For short calls and the gRPC library's own pollers.
constexpr int kThreadsBesideStreams = 32;
constexpr int kMaxStreamsPerConnection = 256;

// For calls that were cancelled to end, before the connections are cut that do not let them.
constexpr std::chrono::milliseconds kCutAfter(500);

// Without it the library writes to standard error in a form of its own.
void LogLibraryMessage(gpr_log_func_args* message) {
  const auto level = message->severity == GPR_LOG_SEVERITY_ERROR  ? spdlog::level::warn
                     : message->severity == GPR_LOG_SEVERITY_INFO ? spdlog::level::info
                                                                  : spdlog::level::debug;
  spdlog::log(level, "grpc: {}", message->message);
}

// Both hold for all servers of the process; the reflection must not be registered twice.
void SetUpLibrary() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(LogLibraryMessage);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

}  // namespace

struct Server::Impl {
  Impl(const Dependencies& dependencies, size_t max_streams)
      : health_state(
            {v1::ProbeService::service_full_name(), v1::ProfileService::service_full_name(),
             v1::TelemetryService::service_full_name(), v1::AdminService::service_full_name(),
             grpc::health::v1::Health::service_full_name()}),
        streams(max_streams),
        auditor(dependencies.store),
        probe_service(dependencies.probes, auditor, streams),
        profile_service(dependencies.profiles, auditor),
        telemetry_service(dependencies.spans, dependencies.span_demand, dependencies.topology,
                          dependencies.collect_metrics, streams),
        admin_service(dependencies.describe_node, dependencies.diagnose, dependencies.store),
        health_service(health_state, streams) {}

  void Configure(grpc::ServerBuilder& builder, size_t max_streams);

  HealthState health_state;
  OpenStreams streams;
  Auditor auditor;
  ProbeService probe_service;
  ProfileService profile_service;
  TelemetryService telemetry_service;
  AdminService admin_service;
  HealthService health_service;

  // Ends all calls, within `grace` where they can.
  void EndCalls(std::chrono::milliseconds grace);

  std::string unix_socket_path;
  int tcp_port = 0;
  // Destroyed before the services that it calls.
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<UnixAcceptor> acceptor;

  absl::Mutex mutex;
  bool shut_down ABSL_GUARDED_BY(mutex) = false;
};

void Server::Impl::Configure(grpc::ServerBuilder& builder, size_t max_streams) {
  builder.RegisterService(&probe_service);
  builder.RegisterService(&profile_service);
  builder.RegisterService(&telemetry_service);
  builder.RegisterService(&admin_service);
  builder.RegisterService(&health_service);
  builder.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  // With it, a second daemon could bind the same port and get a part of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  grpc::ResourceQuota quota("uprobed");
  quota.SetMaxThreads(static_cast<int>(max_streams) + kThreadsBesideStreams);
  builder.SetResourceQuota(quota);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(MakeStatusGuardFactory());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
}

// A connection to which something is being written is not closed until that is written (gRPC 1.51,
// src/core/ext/transport/chttp2/transport/chttp2_transport.cc, close_transport_locked), which a
// client that reads nothing would never let happen.
void Server::Impl::EndCalls(std::chrono::milliseconds grace) {
  absl::Notification ended;
  const auto cut_until_ended = [&] {
    pthread_setname_np(pthread_self(), "rpc-cutter");
    absl::Duration wait = absl::FromChrono(grace + kCutAfter);
    while (!ended.WaitForNotificationWithTimeout(wait)) {
      wait = absl::FromChrono(kCutAfter);
      const size_t cut =
          CutConnections({.unix_socket_path = unix_socket_path, .tcp_port = tcp_port});
      if (cut > 0) spdlog::warn("cut off {} connections whose calls did not end", cut);
    }
  };
  std::jthread cutter;
  try {
    cutter = std::jthread(cut_until_ended);
  } catch (const std::system_error& error) {
    spdlog::warn("calls of clients that do not read are waited for: {}", error.what());
  }
  server->Shutdown(std::chrono::system_clock::now() + grace);
  server->Wait();
  ended.Notify();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Dependencies& dependencies,
                                                      const ServerOptions& options) {
  if (options.unix_socket_path.empty() && options.tcp_address.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "LISTENER_MISSING",
                     "nobody could command the daemon: give a unix socket or a TCP address");
  }
  SetUpLibrary();
  auto impl = std::make_unique<Impl>(dependencies, options.max_streams);
  grpc::ServerBuilder builder;
  impl->Configure(builder, options.max_streams);
  if (!options.tcp_address.empty()) {
    ASSIGN_OR_RETURN(const TcpListener tcp, MakeTcpListener(options));
    builder.AddListeningPort(tcp.address, tcp.credentials, &impl->tcp_port);
  }
  std::optional<UnixSocket> socket;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  if (!options.unix_socket_path.empty()) {
    ASSIGN_OR_RETURN(UnixSocket listening,
                     UnixSocket::Listen(options.unix_socket_path, options.socket_group));
    socket.emplace(std::move(listening));
    impl->unix_socket_path = options.unix_socket_path;
    acceptor = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        grpc::InsecureServerCredentials());
  }
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr) {
    return MakeError(
        absl::StatusCode::kUnavailable, "LISTEN_FAILED",
        fmt::format("cannot listen on {}: the port is taken, the address is not one of "
                    "this machine, or the TLS files hold no certificate and its key",
                    options.tcp_address),
        {{"address", options.tcp_address}});
  }
  if (socket) {
    ASSIGN_OR_RETURN(impl->acceptor, UnixAcceptor::Start(*std::move(socket), std::move(acceptor)));
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Shutdown(std::chrono::milliseconds(0)); }

void Server::SetServing(bool serving) {
  const absl::MutexLock lock(&impl_->mutex);
  impl_->health_state.SetServing(serving && !impl_->shut_down);
}

int Server::tcp_port() const { return impl_->tcp_port; }

void Server::Shutdown(std::chrono::milliseconds grace) {
  {
    const absl::MutexLock lock(&impl_->mutex);
    if (std::exchange(impl_->shut_down, true)) return;
    impl_->health_state.SetServing(false);
  }
  // Health first: its watchers tell the last state when they see the stop.
  impl_->streams.Stop();
  impl_->telemetry_service.Stop();
  if (impl_->acceptor != nullptr) impl_->acceptor->Stop();
  impl_->EndCalls(grace);
  impl_->acceptor.reset();
}

}  // namespace uprobed::rpc
