#ifndef UPROBED_SERVER_PROFILE_ERROR_METHODS_H_
#define UPROBED_SERVER_PROFILE_ERROR_METHODS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "server/elf/go_functions.h"
#include "server/profile/profile.h"

namespace uprobed::profile {

// No program that was looked at has a tenth of it.
inline constexpr size_t kMaxErrorMethods = 8192;

// The type that an error without one of its own is of: what errors.New returns.
inline constexpr std::string_view kErrorStringMethod = "errors.(*errorString).Error";

// A type that wraps another error, by its Error method, and where in the value that error lies.
struct ErrorWrapper {
  std::string_view method;
  uint16_t offset;  // bytes
};

// Those that an error of net/http.Transport is wrapped in. The fields before the error are part of
// the API of the packages, or there are none: net.OpError{Op, Net, Source, Addr, Err},
// os.SyscallError{Syscall, Err}, tls.CertificateVerificationError{UnverifiedCertificates, Err},
// fmt's wrapError{msg, err}.
inline constexpr std::array<ErrorWrapper, 7> kErrorWrappers = {{
    {"net/http.(*nothingWrittenError).Error", 0},
    {"net/http.(*transportReadFromServerError).Error", 0},
    {"net.(*OpError).Error", 64},
    {"os.(*SyscallError).Error", 16},
    {"crypto/tls.(*CertificateVerificationError).Error", 24},
    {"crypto/tls.(*permanentError).Error", 0},
    {"fmt.(*wrapError).Error", 16},
}};

// All methods of the binary by which a type is an error, ascending by address.
std::vector<ErrorMethod> FindErrorMethods(const elf::GoFunctions& functions);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_ERROR_METHODS_H_
