#ifndef UPROBED_SERVER_PROFILE_RESOLVER_H_
#define UPROBED_SERVER_PROFILE_RESOLVER_H_

#include "absl/status/statusor.h"
#include "server/elf/elf_file.h"
#include "server/profile/profile.h"

namespace uprobed::profile {

// Build IDs and the SHA-256 of the whole file.
absl::StatusOr<BinaryIdentity> ReadIdentity(const elf::ElfFile& file);

// Analyses a binary from scratch. An instrumentation that it cannot have is in Profile::absences;
// where it can have none at all the whole is refused: FAILED_PRECONDITION with BINARY_NOT_GO,
// BINARY_OBFUSCATED, GO_VERSION_UNKNOWN (no build info, and no other trace),
// GO_VERSION_UNSUPPORTED, OFFSETS_UNKNOWN (needed fields that no source knows),
// NET_HTTP_MISSING (a Go program without net/http), SITE_NOT_FOUND.
absl::StatusOr<Profile> Resolve(const elf::ElfFile& file, const BinaryIdentity& identity);

// Compares the bytes of each site with the file, and every rule a profile must obey (sites inside
// the file, the recorded cost class true, needed fields there, offsets in bounds, argument
// locations that the kernel side knows). For profiles from elsewhere and before each attach.
// FAILED_PRECONDITION PROFILE_BYTES_MISMATCH or INVALID_ARGUMENT PROFILE_INVALID.
absl::Status Verify(const Profile& profile, const elf::ElfFile& file);

// The rules of Verify that need no file: for an import of a profile whose binary is not here.
absl::Status CheckConsistency(const Profile& profile);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_RESOLVER_H_
