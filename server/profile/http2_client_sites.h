#ifndef UPROBED_SERVER_PROFILE_HTTP2_CLIENT_SITES_H_
#define UPROBED_SERVER_PROFILE_HTTP2_CLIENT_SITES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"
#include "server/elf/go_functions.h"
#include "server/profile/profile.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// Where a client of HTTP/2 chooses the stream of a connection that a request goes out on. Clients
// are observed without, too; their requests are then not joined with those that serve them.

bool IsHttp2ClientSite(SiteKind kind);
// Whether a site of such a kind lies in a function of this name.
bool Http2ClientSiteLiesIn(SiteKind kind, std::string_view function);

// Of each implementation whose connections `fields` lead to: both sites, or none where the
// functions are not there or not understood. An error of the file itself is one.
absl::StatusOr<std::vector<Site>> FindHttp2ClientSites(
    const elf::ElfFile& file, const elf::GoFunctions& functions, CallAbi abi,
    const std::map<std::string, FieldOffset>& fields);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_HTTP2_CLIENT_SITES_H_
