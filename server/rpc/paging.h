#ifndef UPROBED_SERVER_RPC_PAGING_H_
#define UPROBED_SERVER_RPC_PAGING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace uprobed::rpc {

inline constexpr size_t kDefaultPageSize = 100;
inline constexpr size_t kMaxPageSize = 1000;
// A page ends early at this size, because clients accept messages of 4 MiB.
inline constexpr size_t kMaxPageBytes = size_t{2} << 20;

// Items to return: 0 is the default, more than the maximum is the maximum.
// INVALID_ARGUMENT PAGE_SIZE_NEGATIVE.
absl::StatusOr<size_t> ParsePageSize(int32_t page_size);

// The last resource name told, in a form that nobody is tempted to build.
std::string EncodePageToken(std::string_view last_name);
// The name in a token of EncodePageToken; empty where `token` is.
// INVALID_ARGUMENT PAGE_TOKEN_MALFORMED.
absl::StatusOr<std::string> DecodePageToken(std::string_view token);
absl::Status PageTokenMalformed();

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_PAGING_H_
