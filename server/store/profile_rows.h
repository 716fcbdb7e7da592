#ifndef UPROBED_SERVER_STORE_PROFILE_ROWS_H_
#define UPROBED_SERVER_STORE_PROFILE_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/profile/profile.h"
#include "server/store/database.h"
#include "server/store/store.h"

namespace uprobed::store {

// Profiles as rows: `profiles` and its children profile_modules, profile_sites,
// profile_site_arguments, profile_fields, profile_field_evidence, profile_field_verdicts and
// profile_absences. Each function is one transaction.

// Replaces those of the same ids.
absl::Status WriteProfiles(Database& database, const std::vector<ProfileRecord>& profiles,
                           int64_t now_unix_ns);

// nullopt: not there. DATA_LOSS STORE_CORRUPT: a row of it does not decode.
absl::StatusOr<std::optional<profile::Profile>> ReadProfile(Database& database,
                                                            const std::string& id);

// Up to `limit` profiles whose id is greater than `after_id`, ascending.
absl::StatusOr<std::vector<ProfileSummary>> ListProfileRows(Database& database,
                                                            const std::string& after_id,
                                                            size_t limit);

// Replaces those of the profile; whether the profile is there. Of fields that it does not have,
// nothing is kept: they are of another profile of the same binary.
absl::StatusOr<bool> WriteVerdicts(Database& database, const std::string& id,
                                   const std::map<std::string, FieldVerdict>& verdicts);

// Whether it was there.
absl::StatusOr<bool> DeleteProfileRows(Database& database, const std::string& id);

// Stable names of argument kinds: "register", "stack".
std::string_view ArgumentKindName(profile::ArgumentLocation::Kind kind);
std::optional<profile::ArgumentLocation::Kind> ArgumentKindFromName(std::string_view name);

}  // namespace uprobed::store

#endif  // UPROBED_SERVER_STORE_PROFILE_ROWS_H_
