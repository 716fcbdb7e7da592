#ifndef UPROBED_SERVER_CONTROL_PROFILE_CATALOG_H_
#define UPROBED_SERVER_CONTROL_PROFILE_CATALOG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/control/file_version.h"
#include "server/elf/elf_file.h"
#include "server/profile/profile.h"
#include "server/store/store.h"

namespace uprobed::control {

struct ResolvedProfile {
  profile::Profile profile;
  bool from_store = false;  // the binary's DWARF was not read
};

struct ProfileToImport {
  profile::Profile profile;
  // Its binary, to be compared with it; empty: none is here.
  std::string binary_path;
};

// Profiles by binary: from the store where the content is known, else resolved and stored.
// Thread-safe.
class ProfileCatalog {
 public:
  // `proc_root` is "/proc"; tests give their own.
  explicit ProfileCatalog(store::Store& store, std::string proc_root = "/proc")
      : store_(store), proc_root_(std::move(proc_root)) {}

  // The profile of an open binary. `refresh` resolves anew even where one is stored.
  absl::StatusOr<ResolvedProfile> Resolve(const elf::ElfFile& file, bool refresh = false);
  // The stored profile, without its verdicts, of a file as of a version whose content was read, and
  // compared with it, by Resolve(); nullopt where Resolve() has to look at the file.
  std::optional<profile::Profile> FindKnown(const FileVersion& version);
  // Of a path or a running process (pid not 0). Errors: those of elf and profile,
  // PROCESS_NOT_FOUND.
  absl::StatusOr<ResolvedProfile> ResolveTarget(const std::string& path, uint32_t pid,
                                                bool refresh);

  // Compares a stored profile with the binary at `path` (empty: where it was last seen).
  // FAILED_PRECONDITION PROFILE_BINARY_MISMATCH where that is another binary.
  absl::Status Verify(const std::string& id, const std::string& path);

  // Stores profiles from elsewhere, all or none, after profile::CheckConsistency, and after
  // profile::Verify where its binary is given. Never overwrites a profile resolved here unless
  // `force`: ALREADY_EXISTS PROFILE_EXISTS. With `validate_only` the checks are all it does.
  absl::Status Import(const std::vector<ProfileToImport>& profiles, bool force,
                      bool validate_only = false);

  // What requests showed of a stored profile. NOT_FOUND PROFILE_NOT_FOUND.
  absl::Status PutVerdicts(const std::string& id,
                           const std::map<std::string, FieldVerdict>& verdicts);
  absl::StatusOr<profile::Profile> Get(const std::string& id);
  absl::StatusOr<std::vector<store::ProfileSummary>> List(const std::string& after_id,
                                                          size_t limit);
  // Without its sites and fields. NOT_FOUND PROFILE_NOT_FOUND.
  absl::StatusOr<store::ProfileSummary> FindSummary(const std::string& id);
  absl::Status Delete(const std::string& id);

 private:
  // What is to be stored for one profile, after every check.
  absl::StatusOr<store::ProfileRecord> CheckImport(const ProfileToImport& import, bool force);
  absl::StatusOr<profile::BinaryIdentity> Identify(const elf::ElfFile& file);
  std::optional<profile::BinaryIdentity> FindIdentity(const FileVersion& version);
  // What the store has and still holds for the binary; nullopt where it must be resolved.
  std::optional<profile::Profile> FindStored(const elf::ElfFile& file,
                                             const profile::BinaryIdentity& identity);
  bool IsVerified(const profile::Profile& profile);
  void NoteVerified(const profile::Profile& profile);
  void ForgetVerified(const std::string& id);

  store::Store& store_;
  const std::string proc_root_;
  absl::Mutex mutex_;
  // The content hash of a file that has not changed since it was read.
  std::map<FileVersion, profile::BinaryIdentity> identities_ ABSL_GUARDED_BY(mutex_);
  // Stored profiles that were compared with the content that they name, by id, without verdicts: to
  // do so, or to read one, takes longer than all else of an attach, which asks for it twice.
  std::map<std::string, profile::Profile> verified_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_PROFILE_CATALOG_H_
