#ifndef UPROBED_SERVER_PROFILE_SITE_CODE_H_
#define UPROBED_SERVER_PROFILE_SITE_CODE_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"
#include "server/elf/go_functions.h"
#include "server/profile/control_flow.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// From the code of a binary to what sites are chosen in, and from the choice to sites.

// FAILED_PRECONDITION SYMBOL_NOT_FOUND where the function is not in the binary, SITE_NOT_FOUND
// where its code is not understood.
absl::StatusOr<ControlFlow> ReadFunction(const elf::ElfFile& file,
                                         const elf::GoFunctions& functions, std::string_view name);

// With their addresses and bytes.
absl::StatusOr<std::vector<Site>> MakeSites(const elf::ElfFile& file, const ControlFlow& flow,
                                            const std::vector<SitePlan>& plans);

// The site in the prologue of a function; none where that is not there or not understood. An error
// of the file itself is one.
absl::StatusOr<std::vector<Site>> SiteInPrologue(const elf::ElfFile& file,
                                                 const elf::GoFunctions& functions,
                                                 std::string_view function, SiteKind kind,
                                                 CallAbi abi);

// Whether a function with a stack check loads the goroutine from where the kernel side does.
absl::Status CheckGoroutine(const ControlFlow& flow, CallAbi abi);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_SITE_CODE_H_
