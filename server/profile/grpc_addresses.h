#ifndef UPROBED_SERVER_PROFILE_GRPC_ADDRESSES_H_
#define UPROBED_SERVER_PROFILE_GRPC_ADDRESSES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"
#include "server/elf/go_functions.h"
#include "server/profile/control_flow.h"
#include "server/profile/profile.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// By what the kernel side knows the types of the values that it meets on its way to the metadata
// and to the peer of a request of google.golang.org/grpc: sites that are never probed.
bool IsGrpcAddress(SiteKind kind);
bool GrpcAddressLiesIn(SiteKind kind, std::string_view function);

// All that the binary has of them; without one, spans lack a parent or the peer.
absl::StatusOr<std::vector<Site>> FindGrpcAddresses(const elf::ElfFile& file,
                                                    const elf::GoFunctions& functions, CallAbi abi);

// The instructions of metadata.FromIncomingContext that load the address of its key's type: one
// on amd64, two on arm64, empty where it is not certain which. `is_empty_struct` says of an
// address, as linked, whether the type of a struct without fields is there.
std::vector<SitePlan> PlanMetadataKey(const ControlFlow& flow,
                                      const std::function<bool(uint64_t)>& is_empty_struct);

// The address of that type as linked, which the sites of kGrpcMetadataKey load.
std::optional<uint64_t> MetadataKeyOf(const Profile& profile);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_GRPC_ADDRESSES_H_
