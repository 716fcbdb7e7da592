#include <string>

#include "server/base/errors.h"
#include "server/store/profile_rows.h"

namespace uprobed::store {
namespace {

using profile::ArgumentLocation;
using profile::Profile;
using profile::Site;

template <typename Enum>
std::string NameOf(Enum value) {
  return std::string(profile::Name(value));
}

int64_t Bits(uint64_t value) { return static_cast<int64_t>(value); }

absl::Status InsertProfile(Database& database, const ProfileRecord& record, int64_t now_unix_ns) {
  const Profile& profile = record.profile;
  return database
      .Execute(
          "INSERT INTO profiles (id, go_build_id, gnu_build_id, sha256, size, resolver_revision,"
          " go_version, architecture, main_module, position_independent, stripped, symbol_source,"
          " map_kind, binary_path, imported, create_time_unix_ns)"
          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          {profile.identity.Id(), profile.identity.go_build_id, profile.identity.gnu_build_id,
           profile.identity.sha256, Bits(profile.identity.size), profile.resolver_revision,
           profile.go_version, profile.architecture, profile.main_module,
           profile.position_independent, profile.stripped, NameOf(profile.symbol_source),
           NameOf(profile.map_kind), record.binary_path, record.imported, now_unix_ns})
      .status();
}

absl::Status InsertModules(Database& database, const std::string& id, const Profile& profile) {
  for (const auto& [path, version] : profile.modules) {
    RETURN_IF_ERROR(database
                        .Execute("INSERT INTO profile_modules (profile_id, path, version)"
                                 " VALUES (?, ?, ?)",
                                 {id, path, version})
                        .status());
  }
  return absl::OkStatus();
}

absl::Status InsertArguments(Database& database, const std::string& id, int64_t site_position,
                             const Site& site) {
  int64_t position = 0;
  for (const ArgumentLocation& argument : site.arguments) {
    RETURN_IF_ERROR(
        database
            .Execute("INSERT INTO profile_site_arguments (profile_id, site_position, position,"
                     " name, kind, register_name, stack_offset) VALUES (?, ?, ?, ?, ?, ?, ?)",
                     {id, site_position, position++, argument.name,
                      std::string(ArgumentKindName(argument.kind)), argument.register_name,
                      argument.stack_offset})
            .status());
  }
  return absl::OkStatus();
}

absl::Status InsertSites(Database& database, const std::string& id, const Profile& profile) {
  int64_t position = 0;
  for (const Site& site : profile.sites) {
    RETURN_IF_ERROR(
        database
            .Execute("INSERT INTO profile_sites (profile_id, position, kind, function,"
                     " virtual_address, file_offset, function_offset, bytes, instruction, cost,"
                     " condition, ends_when_taken) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     {id, position, NameOf(site.kind), site.function, Bits(site.virtual_address),
                      Bits(site.file_offset), site.function_offset, site.bytes, site.instruction,
                      NameOf(site.cost), site.condition, site.ends_when_taken})
            .status());
    RETURN_IF_ERROR(InsertArguments(database, id, position, site));
    ++position;
  }
  return absl::OkStatus();
}

absl::Status InsertEvidence(Database& database, const std::string& id, const std::string& name,
                            const profile::FieldOffset& field) {
  int64_t position = 0;
  for (const profile::Evidence& evidence : field.others) {
    RETURN_IF_ERROR(database
                        .Execute("INSERT INTO profile_field_evidence (profile_id, name, position,"
                                 " source, byte_offset) VALUES (?, ?, ?, ?, ?)",
                                 {id, name, position++, NameOf(evidence.source), evidence.offset})
                        .status());
  }
  return absl::OkStatus();
}

absl::Status InsertFields(Database& database, const std::string& id, const Profile& profile) {
  for (const auto& [name, field] : profile.fields) {
    RETURN_IF_ERROR(database
                        .Execute("INSERT INTO profile_fields (profile_id, name, byte_offset,"
                                 " source) VALUES (?, ?, ?, ?)",
                                 {id, name, field.offset, NameOf(field.source)})
                        .status());
    RETURN_IF_ERROR(InsertEvidence(database, id, name, field));
  }
  return absl::OkStatus();
}

absl::Status InsertVerdicts(Database& database, const std::string& id,
                            const std::map<std::string, FieldVerdict>& verdicts) {
  for (const auto& [name, verdict] : verdicts) {
    RETURN_IF_ERROR(database
                        .Execute("INSERT INTO profile_field_verdicts (profile_id, name, verdict)"
                                 " SELECT profile_id, name, ? FROM profile_fields"
                                 " WHERE profile_id = ? AND name = ?",
                                 {std::string(Name(verdict)), id, name})
                        .status());
  }
  return absl::OkStatus();
}

absl::Status InsertAbsences(Database& database, const std::string& id, const Profile& profile) {
  int64_t position = 0;
  for (const profile::Absence& absence : profile.absences) {
    RETURN_IF_ERROR(database
                        .Execute("INSERT INTO profile_absences (profile_id, position,"
                                 " instrumentation, reason, message) VALUES (?, ?, ?, ?, ?)",
                                 {id, position++, NameOf(absence.instrumentation), absence.reason,
                                  absence.message})
                        .status());
  }
  return absl::OkStatus();
}

absl::Status InsertErrorMethods(Database& database, const std::string& id, const Profile& profile) {
  int64_t position = 0;
  for (const profile::ErrorMethod& method : profile.error_methods) {
    RETURN_IF_ERROR(database
                        .Execute("INSERT INTO profile_error_methods (profile_id, position, address,"
                                 " name) VALUES (?, ?, ?, ?)",
                                 {id, position++, Bits(method.address), method.name})
                        .status());
  }
  return absl::OkStatus();
}

absl::Status WriteProfile(Database& database, const ProfileRecord& record, int64_t now_unix_ns) {
  const Profile& profile = record.profile;
  const std::string id = profile.identity.Id();
  RETURN_IF_ERROR(DeleteProfileRows(database, id).status());
  RETURN_IF_ERROR(InsertProfile(database, record, now_unix_ns));
  RETURN_IF_ERROR(InsertModules(database, id, profile));
  RETURN_IF_ERROR(InsertSites(database, id, profile));
  RETURN_IF_ERROR(InsertFields(database, id, profile));
  RETURN_IF_ERROR(InsertVerdicts(database, id, profile.verdicts));
  RETURN_IF_ERROR(InsertErrorMethods(database, id, profile));
  return InsertAbsences(database, id, profile);
}

}  // namespace

absl::Status WriteProfiles(Database& database, const std::vector<ProfileRecord>& profiles,
                           int64_t now_unix_ns) {
  return database.Transaction(Database::TransactionKind::kWrite, [&]() -> absl::Status {
    for (const ProfileRecord& record : profiles) {
      RETURN_IF_ERROR(WriteProfile(database, record, now_unix_ns));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> WriteVerdicts(Database& database, const std::string& id,
                                   const std::map<std::string, FieldVerdict>& verdicts) {
  bool found = false;
  const absl::Status written =
      database.Transaction(Database::TransactionKind::kWrite, [&]() -> absl::Status {
        RETURN_IF_ERROR(
            database.Each("SELECT 1 FROM profiles WHERE id = ?", {id}, [&found](const Row&) {
              found = true;
              return absl::OkStatus();
            }));
        RETURN_IF_ERROR(
            database.Execute("DELETE FROM profile_field_verdicts WHERE profile_id = ?", {id})
                .status());
        return InsertVerdicts(database, id, verdicts);
      });
  RETURN_IF_ERROR(written);
  return found;
}

absl::StatusOr<bool> DeleteProfileRows(Database& database, const std::string& id) {
  ASSIGN_OR_RETURN(const int deleted, database.Execute("DELETE FROM profiles WHERE id = ?", {id}));
  return deleted > 0;
}

std::string_view ArgumentKindName(ArgumentLocation::Kind kind) {
  return kind == ArgumentLocation::Kind::kStack ? "stack" : "register";
}

std::optional<ArgumentLocation::Kind> ArgumentKindFromName(std::string_view name) {
  if (name == "register") return ArgumentLocation::Kind::kRegister;
  if (name == "stack") return ArgumentLocation::Kind::kStack;
  return std::nullopt;
}

}  // namespace uprobed::store
