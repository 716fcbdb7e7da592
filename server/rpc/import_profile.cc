#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "bpf/abi/site_cookie.h"
#include "server/base/errors.h"
#include "server/profile/error_methods.h"
#include "server/rpc/convert_profile.h"
#include "server/rpc/resource_name.h"
#include "server/rpc/status.h"

namespace uprobed::rpc {
namespace {

constexpr size_t kSha256Digits = 64;
constexpr size_t kMaxBuildIdDigits = 128;
// x86-64: Intel SDM volume 2, 2.3.11.
constexpr size_t kMaxInstructionBytes = 15;
// As bpf/abi/site_cookie.h writes it.
constexpr uint32_t kMaxCondition = UP_COOKIE_CONDITION_MASK;

absl::Status Malformed(const std::string& field, std::string_view what) {
  return FieldError("PROFILE_MALFORMED", field,
                    fmt::format("{} {}: export the profile again", field, what));
}

absl::Status CheckCount(size_t count, int maximum, const std::string& field) {
  if (count <= static_cast<size_t>(maximum)) return absl::OkStatus();
  return Malformed(field, fmt::format("has {} entries, at most {} are allowed", count, maximum));
}

absl::Status CheckText(const std::string& text, const std::string& field) {
  if (text.size() > kMaxImportedStringBytes) {
    return Malformed(field, fmt::format("has {} bytes, at most {} are allowed", text.size(),
                                        kMaxImportedStringBytes));
  }
  if (text.find('\0') != std::string::npos) return Malformed(field, "has a NUL byte");
  return absl::OkStatus();
}

std::optional<profile::Source> FromProto(v1::Profile::Source source) {
  switch (source) {
    case v1::Profile::SOURCE_SYMTAB:
      return profile::Source::kSymtab;
    case v1::Profile::SOURCE_PCLNTAB:
      return profile::Source::kPclntab;
    case v1::Profile::SOURCE_DWARF:
      return profile::Source::kDwarf;
    case v1::Profile::SOURCE_TABLE:
      return profile::Source::kTable;
    case v1::Profile::SOURCE_DISASSEMBLY:
      return profile::Source::kDisassembly;
    case v1::Profile::SOURCE_BUILD_INFO:
      return profile::Source::kBuildInfo;
    default:
      return std::nullopt;
  }
}

std::optional<profile::CostClass> FromProto(v1::Profile::Site::CostClass cost) {
  switch (cost) {
    case v1::Profile::Site::COST_CLASS_EMULATED:
      return profile::CostClass::kEmulated;
    case v1::Profile::Site::COST_CLASS_SINGLE_STEPPED:
      return profile::CostClass::kSingleStepped;
    default:
      return std::nullopt;
  }
}

std::optional<profile::Instrumentation> FromProto(v1::Instrumentation instrumentation) {
  switch (instrumentation) {
    case v1::INSTRUMENTATION_HTTP_SERVER:
      return profile::Instrumentation::kHttpServer;
    case v1::INSTRUMENTATION_HTTP_CLIENT:
      return profile::Instrumentation::kHttpClient;
    case v1::INSTRUMENTATION_GOROUTINES:
      return profile::Instrumentation::kGoroutines;
    case v1::INSTRUMENTATION_CHANNELS:
      return profile::Instrumentation::kChannels;
    case v1::INSTRUMENTATION_GRPC_SERVER:
      return profile::Instrumentation::kGrpcServer;
    case v1::INSTRUMENTATION_GRPC_CLIENT:
      return profile::Instrumentation::kGrpcClient;
    default:
      return std::nullopt;
  }
}

absl::StatusOr<profile::BinaryIdentity> Identity(const v1::Profile& from,
                                                 const std::string& field) {
  profile::BinaryIdentity identity;
  if (from.content_sha256().size() != kSha256Digits || !IsLowerHex(from.content_sha256())) {
    return Malformed(field + ".content_sha256", "has not 64 lower-case hexadecimal digits");
  }
  identity.sha256 = from.content_sha256();
  if (from.name() != ProfileName(identity.Id())) {
    return FieldError("NAME_MALFORMED", field + ".name",
                      fmt::format("{}.name must be \"{}\", as its content_sha256 says", field,
                                  ProfileName(identity.Id())));
  }
  if (from.gnu_build_id().size() > kMaxBuildIdDigits || !IsLowerHex(from.gnu_build_id())) {
    return Malformed(field + ".gnu_build_id", "is not hexadecimal");
  }
  identity.gnu_build_id = from.gnu_build_id();
  RETURN_IF_ERROR(CheckText(from.go_build_id(), field + ".go_build_id"));
  identity.go_build_id = from.go_build_id();
  if (from.size_bytes() <= 0) return Malformed(field + ".size_bytes", "is not above 0");
  identity.size = static_cast<uint64_t>(from.size_bytes());
  return identity;
}

absl::StatusOr<profile::ArgumentLocation> Argument(const v1::Profile::ArgumentLocation& from,
                                                   const std::string& field) {
  profile::ArgumentLocation to;
  RETURN_IF_ERROR(CheckText(from.name(), field + ".name"));
  to.name = from.name();
  switch (from.location_case()) {
    case v1::Profile::ArgumentLocation::kRegisterName:
      RETURN_IF_ERROR(CheckText(from.register_name(), field + ".register_name"));
      to.kind = profile::ArgumentLocation::Kind::kRegister;
      to.register_name = from.register_name();
      return to;
    case v1::Profile::ArgumentLocation::kStackOffset:
      to.kind = profile::ArgumentLocation::Kind::kStack;
      to.stack_offset = from.stack_offset();
      return to;
    case v1::Profile::ArgumentLocation::LOCATION_NOT_SET:
      break;
  }
  return Malformed(field, "has no location");
}

absl::StatusOr<profile::Site> Site(const v1::Profile::Site& from, const std::string& field) {
  profile::Site to;
  const auto kind = profile::SiteKindFromName(from.kind());
  if (!kind) return Malformed(field + ".kind", "is not known");
  to.kind = *kind;
  const auto cost = FromProto(from.cost_class());
  if (!cost) return Malformed(field + ".cost_class", "is not known");
  to.cost = *cost;
  RETURN_IF_ERROR(CheckText(from.function(), field + ".function"));
  to.function = from.function();
  RETURN_IF_ERROR(CheckText(from.instruction(), field + ".instruction"));
  to.instruction = from.instruction();
  to.virtual_address = from.virtual_address();
  to.file_offset = from.file_offset();
  to.function_offset = from.function_offset();
  const std::string& bytes = from.instruction_bytes();
  if (bytes.empty() || bytes.size() > kMaxInstructionBytes) {
    return Malformed(field + ".instruction_bytes", "has not 1 to 15 bytes");
  }
  to.bytes.assign(bytes.begin(), bytes.end());
  if (from.condition() > kMaxCondition)
    return Malformed(field + ".condition", fmt::format("is above {}", kMaxCondition));
  to.condition = static_cast<uint16_t>(from.condition());
  to.ends_when_taken = from.ends_when_taken();
  RETURN_IF_ERROR(CheckCount(static_cast<size_t>(from.arguments_size()), kMaxImportedArguments,
                             field + ".arguments"));
  for (int i = 0; i < from.arguments_size(); ++i) {
    ASSIGN_OR_RETURN(profile::ArgumentLocation argument,
                     Argument(from.arguments(i), fmt::format("{}.arguments[{}]", field, i)));
    to.arguments.push_back(std::move(argument));
  }
  return to;
}

absl::Status FillScalars(const v1::Profile& from, const std::string& field, profile::Profile& to) {
  RETURN_IF_ERROR(CheckText(from.go_version(), field + ".go_version"));
  to.go_version = from.go_version();
  RETURN_IF_ERROR(CheckText(from.architecture(), field + ".architecture"));
  to.architecture = from.architecture();
  RETURN_IF_ERROR(CheckText(from.main_module(), field + ".main_module"));
  to.main_module = from.main_module();
  to.position_independent = from.position_independent();
  to.stripped = from.stripped();
  const auto source = FromProto(from.symbol_source());
  if (!source) return Malformed(field + ".symbol_source", "is not known");
  to.symbol_source = *source;
  const auto map_kind = profile::MapKindFromName(from.map_kind());
  if (!map_kind) return Malformed(field + ".map_kind", "is not known");
  to.map_kind = *map_kind;
  if (from.resolver_revision() != profile::kResolverRevision) {
    return Malformed(field + ".resolver_revision",
                     fmt::format("is {}, this daemon takes {} only", from.resolver_revision(),
                                 profile::kResolverRevision));
  }
  to.resolver_revision = from.resolver_revision();
  return absl::OkStatus();
}

absl::StatusOr<profile::FieldOffset> Field(const v1::Profile::FieldOffset& from,
                                           const std::string& field) {
  profile::FieldOffset to;
  const auto source = FromProto(from.source());
  if (!source) return Malformed(field, "has an unknown source");
  to.source = *source;
  to.offset = from.offset();
  RETURN_IF_ERROR(CheckCount(static_cast<size_t>(from.others_size()), kMaxImportedEvidence, field));
  for (const v1::Profile::Evidence& evidence : from.others()) {
    const auto other = FromProto(evidence.source());
    if (!other) return Malformed(field, "has evidence of an unknown source");
    to.others.push_back({*other, evidence.offset()});
  }
  return to;
}

absl::Status FillMaps(const v1::Profile& from, const std::string& field, profile::Profile& to) {
  RETURN_IF_ERROR(CheckCount(from.modules().size(), kMaxImportedModules, field + ".modules"));
  for (const auto& [path, version] : from.modules()) {
    RETURN_IF_ERROR(CheckText(path, field + ".modules"));
    RETURN_IF_ERROR(CheckText(version, field + ".modules"));
    to.modules.emplace(path, version);
  }
  RETURN_IF_ERROR(CheckCount(from.fields().size(), kMaxImportedFields, field + ".fields"));
  for (const auto& [name, offset] : from.fields()) {
    RETURN_IF_ERROR(CheckText(name, field + ".fields"));
    ASSIGN_OR_RETURN(to.fields[name], Field(offset, field + ".fields"));
  }
  return absl::OkStatus();
}

absl::Status FillLists(const v1::Profile& from, const std::string& field, profile::Profile& to) {
  RETURN_IF_ERROR(
      CheckCount(static_cast<size_t>(from.sites_size()), kMaxImportedSites, field + ".sites"));
  for (int i = 0; i < from.sites_size(); ++i) {
    ASSIGN_OR_RETURN(profile::Site site,
                     Site(from.sites(i), fmt::format("{}.sites[{}]", field, i)));
    to.sites.push_back(std::move(site));
  }
  RETURN_IF_ERROR(CheckCount(static_cast<size_t>(from.absences_size()), kMaxImportedAbsences,
                             field + ".absences"));
  for (const v1::Profile::Absence& absence : from.absences()) {
    const auto instrumentation = FromProto(absence.instrumentation());
    if (!instrumentation) return Malformed(field + ".absences", "has an unknown instrumentation");
    RETURN_IF_ERROR(CheckText(absence.reason(), field + ".absences"));
    RETURN_IF_ERROR(CheckText(absence.message(), field + ".absences"));
    to.absences.push_back({*instrumentation, absence.reason(), absence.message()});
  }
  RETURN_IF_ERROR(CheckCount(static_cast<size_t>(from.error_methods_size()),
                             profile::kMaxErrorMethods, field + ".error_methods"));
  for (const v1::Profile::ErrorMethod& method : from.error_methods()) {
    RETURN_IF_ERROR(CheckText(method.name(), field + ".error_methods"));
    to.error_methods.push_back({method.address(), method.name()});
  }
  return absl::OkStatus();
}

// A profile whose word differs from its evidence was edited by hand; without one it is only old.
absl::Status CheckTrust(const v1::Profile& from, const profile::Profile& to,
                        const std::string& field) {
  const bool suspect = to.trust() == profile::Trust::kSuspect;
  switch (from.trust()) {
    case v1::Profile::TRUST_UNSPECIFIED:
      return absl::OkStatus();
    case v1::Profile::TRUST_CONSISTENT:
      if (!suspect) return absl::OkStatus();
      return Malformed(field + ".trust", "is consistent, but the sources of the fields disagree");
    case v1::Profile::TRUST_SUSPECT:
      if (suspect) return absl::OkStatus();
      return Malformed(field + ".trust", "is suspect, but the sources of the fields agree");
    default:
      return Malformed(field + ".trust", "is not known");
  }
}

}  // namespace

absl::StatusOr<profile::Profile> FromProto(const v1::Profile& profile, const std::string& field) {
  profile::Profile result;
  ASSIGN_OR_RETURN(result.identity, Identity(profile, field));
  RETURN_IF_ERROR(FillScalars(profile, field, result));
  RETURN_IF_ERROR(FillMaps(profile, field, result));
  RETURN_IF_ERROR(FillLists(profile, field, result));
  RETURN_IF_ERROR(CheckTrust(profile, result, field));
  return result;
}

}  // namespace uprobed::rpc
