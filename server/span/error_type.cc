#include "server/span/error_type.h"

#include <array>
#include <cstring>
#include <utility>

#include "fmt/format.h"

namespace uprobed::span {
namespace {

constexpr std::string_view kMethodName = ".Error";
constexpr std::string_view kUnknownType = "_OTHER";

// Variables of the standard library that hold an *errors.errorString, by what it says.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kVariables = {{
    {"context canceled", "context.Canceled"},
    {"EOF", "io.EOF"},
    {"unexpected EOF", "io.ErrUnexpectedEOF"},
    {"http: server closed idle connection", "net/http.errServerClosedIdle"},
    {"net/http: request canceled", "net/http.errRequestCanceled"},
    {"net/http: request canceled while waiting for connection", "net/http.errRequestCanceledConn"},
    {"io: read/write on closed pipe", "io.ErrClosedPipe"},
    {"tls: use of closed connection", "crypto/tls.errClosed"},
}};

// Linux has no number above it (include/linux/err.h, MAX_ERRNO).
constexpr uint64_t kMaxErrno = 4095;

// "net.(*OpError)" is the receiver of a pointer's method, which a value's is wrapped in, too.
std::string TypeOf(std::string_view receiver, bool pointer) {
  const size_t open = receiver.rfind(".(*");
  if (open == std::string_view::npos || !receiver.ends_with(')')) return std::string(receiver);
  const std::string_view package = receiver.substr(0, open);
  const std::string_view name = receiver.substr(open + 3, receiver.size() - open - 4);
  return fmt::format("{}{}.{}", pointer ? "*" : "", package, name);
}

}  // namespace

std::string ErrorType(const GoError& error) {
  if (!error.method.ends_with(kMethodName)) return std::string(kUnknownType);
  const std::string_view receiver =
      error.method.substr(0, error.method.size() - kMethodName.size());
  std::string type = TypeOf(receiver, error.pointer);
  if (type == "syscall.Errno" && error.value <= kMaxErrno) {
    const char* name = strerrorname_np(static_cast<int>(error.value));
    if (name != nullptr) return fmt::format("syscall.{}", name);
  }
  if (type == "*errors.errorString") {
    for (const auto& [text, variable] : kVariables) {
      if (error.text == text) return std::string(variable);
    }
  }
  return type;
}

}  // namespace uprobed::span
