#ifndef UPROBED_SERVER_SPAN_ERROR_TYPE_H_
#define UPROBED_SERVER_SPAN_ERROR_TYPE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace uprobed::span {

// By the address as linked: "net.(*OpError).Error".
using ErrorMethods = std::map<uint64_t, std::string>;

// A Go error as an HTTP client ended in it, without those that only wrap it.
struct GoError {
  std::string_view method{};  // its Error method: "context.(*deadlineExceededError).Error"
  bool pointer = false;       // whether the type is a pointer
  uint64_t value = 0;         // the first word of the value
  std::string_view text{};    // of an *errors.errorString: what it says
};

// error.type of OpenTelemetry: the type with its package's path ("net.DNSError" with a "*" where it
// is a pointer), the name of the system's error ("syscall.ECONNREFUSED"), or that of the variable
// where the error is one of the standard library's ("io.EOF"). "_OTHER" where the method is none.
std::string ErrorType(const GoError& error);

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_ERROR_TYPE_H_
