#ifndef UPROBED_SERVER_RPC_RESUME_TOKEN_H_
#define UPROBED_SERVER_RPC_RESUME_TOKEN_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace uprobed::rpc {

// The place in the sequence of changes behind which a watch goes on. Empty for 0, with which a
// watch begins at the present state.
std::string EncodeResumeToken(uint64_t sequence);
// INVALID_ARGUMENT RESUME_TOKEN_MALFORMED.
absl::StatusOr<uint64_t> DecodeResumeToken(std::string_view token);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_RESUME_TOKEN_H_
