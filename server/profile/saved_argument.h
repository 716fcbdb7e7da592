#ifndef UPROBED_SERVER_PROFILE_SAVED_ARGUMENT_H_
#define UPROBED_SERVER_PROFILE_SAVED_ARGUMENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "server/profile/control_flow.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// Where a function keeps a word of its arguments, of which a receiver is the first, while it calls
// others: bytes from the stack pointer, which is the same throughout the body of a Go function.
// With the stack ABI the caller has put it there; in a register it comes, one of the first four,
// and is saved on every way before the first call. nullopt where that is not seen, or where
// something else is written to that place.
std::optional<int32_t> SavedArgument(const ControlFlow& flow, CallAbi abi, size_t word);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_SAVED_ARGUMENT_H_
