#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "server/base/errors.h"
#include "server/store/profile_rows.h"
#include "server/store/row_decoder.h"

namespace uprobed::store {
namespace {

using profile::ArgumentLocation;
using profile::Profile;
using profile::Site;

std::string RowName(std::string_view table, std::string_view key, const std::string& id) {
  return fmt::format("{} {} of profiles/{}", table, key, id);
}

absl::StatusOr<std::optional<Profile>> ReadHead(Database& database, const std::string& id) {
  std::optional<Profile> found;
  RETURN_IF_ERROR(database.Each(
      "SELECT go_build_id, gnu_build_id, sha256, size, resolver_revision, go_version,"
      " architecture, main_module, position_independent, stripped, symbol_source, map_kind"
      " FROM profiles WHERE id = ?",
      {id}, [&](const Row& row) {
        RowDecoder decoder(row, "profiles/" + id);
        Profile profile;
        profile.identity = {.go_build_id = decoder.Text(0),
                            .gnu_build_id = decoder.Text(1),
                            .sha256 = decoder.Text(2),
                            .size = decoder.Bits(3)};
        profile.resolver_revision = decoder.Number<int>(4);
        profile.go_version = decoder.Text(5);
        profile.architecture = decoder.Text(6);
        profile.main_module = decoder.Text(7);
        profile.position_independent = decoder.Flag(8);
        profile.stripped = decoder.Flag(9);
        profile.symbol_source = decoder.Enumeration(10, profile::SourceFromName);
        profile.map_kind = decoder.Enumeration(11, profile::MapKindFromName);
        found = std::move(profile);
        return decoder.status();
      }));
  return found;
}

absl::Status ReadModules(Database& database, const std::string& id, Profile& profile) {
  return database.Each("SELECT path, version FROM profile_modules WHERE profile_id = ?", {id},
                       [&](const Row& row) {
                         profile.modules.emplace(row.Text(0), row.Text(1));
                         return absl::OkStatus();
                       });
}

absl::Status ReadSites(Database& database, const std::string& id, Profile& profile) {
  return database.Each(
      "SELECT position, kind, function, virtual_address, file_offset, function_offset, bytes,"
      " instruction, cost, condition, ends_when_taken"
      " FROM profile_sites WHERE profile_id = ? ORDER BY position",
      {id}, [&](const Row& row) {
        RowDecoder decoder(row, RowName("profile_sites", row.Text(0), id));
        decoder.ExpectPosition(0, profile.sites.size());
        Site& site = profile.sites.emplace_back();
        site.kind = decoder.Enumeration(1, profile::SiteKindFromName);
        site.function = decoder.Text(2);
        site.virtual_address = decoder.Bits(3);
        site.file_offset = decoder.Bits(4);
        site.function_offset = decoder.Number<uint32_t>(5);
        site.bytes = decoder.Bytes(6);
        site.instruction = decoder.Text(7);
        site.cost = decoder.Enumeration(8, profile::CostClassFromName);
        site.condition = decoder.Number<uint16_t>(9);
        site.ends_when_taken = decoder.Flag(10);
        return decoder.status();
      });
}

absl::Status ReadArguments(Database& database, const std::string& id, Profile& profile) {
  return database.Each(
      "SELECT site_position, position, name, kind, register_name, stack_offset"
      " FROM profile_site_arguments WHERE profile_id = ? ORDER BY site_position, position",
      {id}, [&](const Row& row) -> absl::Status {
        const std::string key = fmt::format("{}.{}", row.Text(0), row.Text(1));
        RowDecoder decoder(row, RowName("profile_site_arguments", key, id));
        const uint64_t site_position = decoder.Bits(0);
        if (site_position >= profile.sites.size()) {
          decoder.Refuse("there is no such site");
          return decoder.status();
        }
        std::vector<ArgumentLocation>& arguments = profile.sites[site_position].arguments;
        decoder.ExpectPosition(1, arguments.size());
        ArgumentLocation& argument = arguments.emplace_back();
        argument.name = decoder.Text(2);
        argument.kind = decoder.Enumeration(3, ArgumentKindFromName);
        argument.register_name = decoder.Text(4);
        argument.stack_offset = decoder.Number<int32_t>(5);
        return decoder.status();
      });
}

absl::Status ReadFields(Database& database, const std::string& id, Profile& profile) {
  return database.Each("SELECT name, byte_offset, source FROM profile_fields WHERE profile_id = ?",
                       {id}, [&](const Row& row) {
                         RowDecoder decoder(row, RowName("profile_fields", row.Text(0), id));
                         profile::FieldOffset& field = profile.fields[decoder.Text(0)];
                         field.offset = decoder.Number<uint32_t>(1);
                         field.source = decoder.Enumeration(2, profile::SourceFromName);
                         return decoder.status();
                       });
}

absl::Status ReadEvidence(Database& database, const std::string& id, Profile& profile) {
  return database.Each(
      "SELECT name, position, source, byte_offset FROM profile_field_evidence"
      " WHERE profile_id = ? ORDER BY name, position",
      {id}, [&](const Row& row) -> absl::Status {
        const std::string key = fmt::format("{}.{}", row.Text(0), row.Text(1));
        RowDecoder decoder(row, RowName("profile_field_evidence", key, id));
        const auto field = profile.fields.find(decoder.Text(0));
        if (field == profile.fields.end()) {
          decoder.Refuse("there is no such field");
          return decoder.status();
        }
        decoder.ExpectPosition(1, field->second.others.size());
        profile::Evidence& evidence = field->second.others.emplace_back();
        evidence.source = decoder.Enumeration(2, profile::SourceFromName);
        evidence.offset = decoder.Number<uint32_t>(3);
        return decoder.status();
      });
}

absl::Status ReadVerdicts(Database& database, const std::string& id, Profile& profile) {
  return database.Each(
      "SELECT name, verdict FROM profile_field_verdicts WHERE profile_id = ?", {id},
      [&](const Row& row) {
        RowDecoder decoder(row, RowName("profile_field_verdicts", row.Text(0), id));
        profile.verdicts[decoder.Text(0)] = decoder.Enumeration(1, FieldVerdictFromName);
        return decoder.status();
      });
}

absl::Status ReadAbsences(Database& database, const std::string& id, Profile& profile) {
  return database.Each(
      "SELECT position, instrumentation, reason, message"
      " FROM profile_absences WHERE profile_id = ? ORDER BY position",
      {id}, [&](const Row& row) {
        RowDecoder decoder(row, RowName("profile_absences", row.Text(0), id));
        decoder.ExpectPosition(0, profile.absences.size());
        profile::Absence& absence = profile.absences.emplace_back();
        absence.instrumentation = decoder.Enumeration(1, profile::InstrumentationFromName);
        absence.reason = decoder.Text(2);
        absence.message = decoder.Text(3);
        return decoder.status();
      });
}

absl::Status ReadErrorMethods(Database& database, const std::string& id, Profile& profile) {
  return database.Each(
      "SELECT position, address, name FROM profile_error_methods"
      " WHERE profile_id = ? ORDER BY position",
      {id}, [&](const Row& row) {
        RowDecoder decoder(row, RowName("profile_error_methods", row.Text(0), id));
        decoder.ExpectPosition(0, profile.error_methods.size());
        profile::ErrorMethod& method = profile.error_methods.emplace_back();
        method.address = decoder.Bits(1);
        method.name = decoder.Text(2);
        return decoder.status();
      });
}

}  // namespace

absl::StatusOr<std::optional<Profile>> ReadProfile(Database& database, const std::string& id) {
  std::optional<Profile> found;
  const absl::Status read =
      database.Transaction(Database::TransactionKind::kRead, [&]() -> absl::Status {
        ASSIGN_OR_RETURN(found, ReadHead(database, id));
        if (!found.has_value()) return absl::OkStatus();
        RETURN_IF_ERROR(ReadModules(database, id, *found));
        RETURN_IF_ERROR(ReadSites(database, id, *found));
        RETURN_IF_ERROR(ReadArguments(database, id, *found));
        RETURN_IF_ERROR(ReadFields(database, id, *found));
        RETURN_IF_ERROR(ReadEvidence(database, id, *found));
        RETURN_IF_ERROR(ReadVerdicts(database, id, *found));
        RETURN_IF_ERROR(ReadErrorMethods(database, id, *found));
        return ReadAbsences(database, id, *found);
      });
  RETURN_IF_ERROR(read);
  return found;
}

absl::StatusOr<std::vector<ProfileSummary>> ListProfileRows(Database& database,
                                                            const std::string& after_id,
                                                            size_t limit) {
  // A negative LIMIT would mean none at all.
  const auto most = static_cast<size_t>(std::numeric_limits<int64_t>::max());
  std::vector<ProfileSummary> summaries;
  RETURN_IF_ERROR(
      database.Each("SELECT id, go_build_id, gnu_build_id, sha256, size, go_version, binary_path,"
                    " create_time_unix_ns, imported FROM profiles WHERE id > ? ORDER BY id LIMIT ?",
                    {after_id, static_cast<int64_t>(std::min(limit, most))}, [&](const Row& row) {
                      const RowDecoder decoder(row, "profiles/" + row.Text(0));
                      summaries.push_back({.id = decoder.Text(0),
                                           .identity = {.go_build_id = decoder.Text(1),
                                                        .gnu_build_id = decoder.Text(2),
                                                        .sha256 = decoder.Text(3),
                                                        .size = decoder.Bits(4)},
                                           .go_version = decoder.Text(5),
                                           .binary_path = decoder.Text(6),
                                           .create_time_unix_ns = row.Integer(7),
                                           .imported = decoder.Flag(8)});
                      return decoder.status();
                    }));
  return summaries;
}

}  // namespace uprobed::store
