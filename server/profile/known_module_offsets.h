#ifndef UPROBED_SERVER_PROFILE_KNOWN_MODULE_OFFSETS_H_
#define UPROBED_SERVER_PROFILE_KNOWN_MODULE_OFFSETS_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace uprobed::profile {

// The checked-in table of struct offsets in golang.org/x/net and google.golang.org/grpc by version
// of the module, measured on real builds by scripts/gen_offsets. Like that of Go releases it never
// extrapolates. An offset is in it only if nothing but the module decides it: no struct of another
// module or of Go stands before the field by value.

// The offset in bytes of `field` ("golang.org/x/net/http2.stream.id") in a program that was built
// with `version` ("v0.17.0") of `module` ("golang.org/x/net"), as its build information has them.
// nullopt where that version was not measured or has no such field. Previews are never known,
// commits
// ("v0.0.0-20230410155749-daa745c078e1") only if they were measured themselves, or are in time
// between two that were and no measured one of that module says otherwise.
std::optional<uint32_t> KnownModuleOffset(std::string_view module, std::string_view version,
                                          std::string_view field);

// Every field that the table knows in some version of `module`.
std::vector<std::string_view> KnownModuleFields(std::string_view module);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_KNOWN_MODULE_OFFSETS_H_
