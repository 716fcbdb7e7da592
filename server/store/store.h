#ifndef UPROBED_SERVER_STORE_STORE_H_
#define UPROBED_SERVER_STORE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/profile/profile.h"
#include "server/store/probe_record.h"

namespace uprobed::store {

struct ProfileSummary {
  std::string id;
  profile::BinaryIdentity identity;
  std::string go_version;
  std::string binary_path;  // where it was last seen
  int64_t create_time_unix_ns = 0;
  bool imported = false;
};

// A profile to be kept.
struct ProfileRecord {
  profile::Profile profile;
  std::string binary_path;  // where its binary was last seen; empty: never
  bool imported = false;
};

struct StoreStats {
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t errors = 0;
  uint64_t profile_hits = 0;
  uint64_t profile_misses = 0;
  int64_t bytes = 0;  // size of the database file
  int schema_version = 0;
};

// Everything the daemon keeps: profiles, desired probes, audit, in one SQLite file (WAL, STRICT
// tables, schema from migrations/). The one folder that knows SQLite.
// Thread-safe: one connection behind one mutex; calls are short.
// Errors: STORE_CORRUPT (DATA_LOSS), STORE_BUSY and STORE_IO (UNAVAILABLE), STORE_INTERNAL
// (INTERNAL), and those named below.
class Store {
 public:
  // Opens or creates `path` (":memory:" for tests) and applies the migrations, after a backup
  // `path`.v<N>.bak where an older schema is there. A corrupt file is moved aside to
  // `path`.corrupt-<time> (never deleted) and a new one begun: `quarantined()` then names it.
  // FAILED_PRECONDITION, with the file untouched: STORE_NEWER_SCHEMA, STORE_FOREIGN (the database
  // of another program), STORE_SCHEMA_DIFFERS (made with other migrations of the same number),
  // STORE_DIRECTORY_MISSING, STORE_NOT_A_FILE.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path, int64_t now_unix_ns);
  // Of the SQLite library: "3.40.1".
  static std::string SqliteVersion();
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const std::string& quarantined() const;  // empty: the file was sound

  // Profiles, by Profile::identity.Id(). Put replaces. Several are put all or none.
  absl::Status PutProfiles(const std::vector<ProfileRecord>& profiles, int64_t now_unix_ns);
  absl::Status PutProfile(const profile::Profile& profile, const std::string& binary_path,
                          bool imported, int64_t now_unix_ns);
  // Replaces the verdicts of a profile. NOT_FOUND PROFILE_NOT_FOUND.
  absl::Status PutVerdicts(const std::string& id,
                           const std::map<std::string, FieldVerdict>& verdicts);
  // NOT_FOUND PROFILE_NOT_FOUND.
  absl::StatusOr<profile::Profile> GetProfile(const std::string& id);
  absl::StatusOr<std::vector<ProfileSummary>> ListProfiles(const std::string& after_id,
                                                           size_t limit);
  absl::Status DeleteProfile(const std::string& id);

  // Probes. ALREADY_EXISTS PROBE_EXISTS; NOT_FOUND PROBE_NOT_FOUND; ABORTED ETAG_MISMATCH where the
  // stored generation is not `expected_generation` (0: any).
  absl::Status InsertProbe(const ProbeRecord& probe);
  absl::Status UpdateProbe(const ProbeRecord& probe, int64_t expected_generation);
  absl::Status DeleteProbe(const std::string& id, int64_t expected_generation);
  absl::StatusOr<std::vector<ProbeRecord>> ListProbes();  // all, ordered by id

  absl::Status AppendAudit(const AuditRecord& record);
  absl::StatusOr<std::vector<AuditRecord>> ListAudit(size_t limit);  // newest first

  StoreStats stats() const;
  // PRAGMA quick_check, for diagnostics.
  absl::Status CheckIntegrity();

 private:
  struct Impl;  // keeps SQLite's headers out of everybody else's
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace uprobed::store

#endif  // UPROBED_SERVER_STORE_STORE_H_
