#ifndef UPROBED_SERVER_CONTROL_PROBE_ID_H_
#define UPROBED_SERVER_CONTROL_PROBE_ID_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace uprobed::control {

// INVALID_ARGUMENT PROBE_ID_INVALID unless `id` matches [a-z][a-z0-9-]{0,62}.
absl::Status ValidateProbeId(const std::string& id);

// A valid id made from the file name of `binary_path`, with "-2", "-3" ... behind it where
// `is_taken` says so.
std::string DeriveProbeId(std::string_view binary_path,
                          const std::function<bool(const std::string&)>& is_taken);

// NOT_FOUND PROBE_NOT_FOUND.
absl::Status ProbeNotFoundError(const std::string& id);

// 128 random bits, hexadecimal.
std::string NewProbeUid();

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_PROBE_ID_H_
