#ifndef UPROBED_SERVER_RPC_RESOURCE_NAME_H_
#define UPROBED_SERVER_RPC_RESOURCE_NAME_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace uprobed::rpc {

// Resource names (AIP-122): "probes/{probe}", "profiles/{profile}".
std::string ProbeName(std::string_view id);
std::string ProfileName(std::string_view id);

// The id in a name. INVALID_ARGUMENT NAME_MALFORMED where `name` is not of this form; `field` is
// where it stood in the request.
absl::StatusOr<std::string> ParseProbeName(std::string_view name, std::string_view field = "name");
absl::StatusOr<std::string> ParseProfileName(std::string_view name,
                                             std::string_view field = "name");

// [a-z][a-z0-9-]{0,62}
bool IsProbeId(std::string_view id);
// 32 hexadecimal digits, lower case.
bool IsProfileId(std::string_view id);
bool IsLowerHex(std::string_view text);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_RESOURCE_NAME_H_
