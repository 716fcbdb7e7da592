#ifndef UPROBED_SERVER_PROFILE_PROLOGUE_H_
#define UPROBED_SERVER_PROFILE_PROLOGUE_H_

#include <cstddef>
#include <optional>

#include "server/profile/control_flow.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// The emulated instruction near the entry of a function where its first four words of arguments are
// still where the caller put them. The push of the frame pointer behind the stack check (Go >=
// 1.21) is hit once for a call; the check's own jump is hit again when the function restarts on a
// larger stack. nullopt where the function does not begin with a stack check.
std::optional<size_t> NodeInPrologue(const ControlFlow& flow, CallAbi abi);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_PROLOGUE_H_
