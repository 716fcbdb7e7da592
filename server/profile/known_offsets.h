#ifndef UPROBED_SERVER_PROFILE_KNOWN_OFFSETS_H_
#define UPROBED_SERVER_PROFILE_KNOWN_OFFSETS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/profile/go_version.h"

namespace uprobed::profile {

// The checked-in table of struct offsets for binaries without DWARF, measured on real builds by
// scripts/gen_offsets. It never extrapolates: a version that was not measured, or that does not lie
// between two patch releases of one minor release that agree, is not in it. Measured on amd64; that
// the structs are the same on arm64, a test finds in the DWARF of builds for it.

// Whether the table knows the structs of `version`. Never true for previews and vendor toolchains.
bool TableCovers(const GoVersion& version);

// The offset in bytes of `field` ("net/http.Request.Method"); nullopt where the table does not
// cover `version` or the version has no such field.
std::optional<uint32_t> KnownOffset(const GoVersion& version, std::string_view field);

// The releases the table covers, as text for a person: "go1.15.0 to go1.15.15, ...".
std::string CoveredVersions();

// Every field that the table knows in some version; for the test that compares it with AllFields().
std::vector<std::string_view> KnownFields();

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_KNOWN_OFFSETS_H_
