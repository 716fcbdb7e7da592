#include "server/rpc/unix_acceptor.h"

#include <poll.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "server/base/errors.h"

namespace uprobed::rpc {
namespace {

// How long to leave a full machine alone: without it the pending connection would make poll()
// return at once, again and again.
constexpr int kExhaustedWaitMs = 100;

bool WaitForEvent(int fd, int timeout_ms) {
  pollfd event{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&event, 1, timeout_ms) > 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UnixAcceptor>> UnixAcceptor::Start(
    UnixSocket socket, std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server) {
  UniqueFd stop_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_event.valid()) return MakeErrnoError(errno, "ACCEPTOR_FAILED", "create an eventfd");
  std::unique_ptr<UnixAcceptor> acceptor(
      new UnixAcceptor(std::move(socket), std::move(stop_event), std::move(server)));
  try {
    acceptor->thread_ = std::jthread([raw = acceptor.get()] { raw->Run(); });
  } catch (const std::system_error& error) {
    return MakeErrnoError(error.code().value(), "ACCEPTOR_FAILED",
                          "start the thread that accepts connections");
  }
  return acceptor;
}

UnixAcceptor::UnixAcceptor(UnixSocket socket, UniqueFd stop_event,
                           std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server)
    : socket_(std::move(socket)), stop_event_(std::move(stop_event)), server_(std::move(server)) {}

UnixAcceptor::~UnixAcceptor() { Stop(); }

void UnixAcceptor::Stop() {
  if (!thread_.joinable()) return;
  if (::eventfd_write(stop_event_.get(), 1) != 0) {
    const int error_number = errno;
    spdlog::error("stop of the acceptor: {}", std::generic_category().message(error_number));
  }
  thread_.join();
}

void UnixAcceptor::Run() {
  ::pthread_setname_np(::pthread_self(), "rpc-accept");
  while (true) {
    std::array<pollfd, 2> events{{{.fd = stop_event_.get(), .events = POLLIN, .revents = 0},
                                  {.fd = socket_.fd(), .events = POLLIN, .revents = 0}}};
    if (::poll(events.data(), events.size(), -1) < 0) {
      const int error_number = errno;
      if (error_number == EINTR) continue;
      spdlog::error("unix socket is served no more: {}",
                    std::generic_category().message(error_number));
      return;
    }
    if (events[0].revents != 0) return;
    if (events[1].revents != 0) AcceptAll();
  }
}

void UnixAcceptor::AcceptAll() {
  while (true) {
    UniqueFd connection(::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!connection.valid()) {
      const int error_number = errno;
      if (error_number == EAGAIN) return;
      // The client was faster than we, or a signal: the next one.
      if (error_number == ECONNABORTED || error_number == EINTR) continue;
      spdlog::error("a client cannot connect: {}", std::generic_category().message(error_number));
      WaitForEvent(stop_event_.get(), kExhaustedWaitMs);
      return;
    }
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.listener_fd = socket_.fd();
    parameters.fd = connection.Release();  // the server's from here on
    server_->HandleNewConnection(&parameters);
  }
}

}  // namespace uprobed::rpc
