#include <string>

#include "server/profile/profile.h"
#include "server/rpc/convert_probe.h"
#include "server/rpc/convert_profile.h"
#include "server/rpc/convert_time.h"
#include "server/rpc/resource_name.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

v1::Profile::Source SourceToProto(profile::Source source) {
  switch (source) {
    case profile::Source::kSymtab:
      return v1::Profile::SOURCE_SYMTAB;
    case profile::Source::kPclntab:
      return v1::Profile::SOURCE_PCLNTAB;
    case profile::Source::kDwarf:
      return v1::Profile::SOURCE_DWARF;
    case profile::Source::kTable:
      return v1::Profile::SOURCE_TABLE;
    case profile::Source::kDisassembly:
      return v1::Profile::SOURCE_DISASSEMBLY;
    case profile::Source::kBuildInfo:
      return v1::Profile::SOURCE_BUILD_INFO;
  }
  return v1::Profile::SOURCE_UNSPECIFIED;
}

void FillIdentity(const profile::BinaryIdentity& from, v1::Profile& to) {
  to.set_name(ProfileName(from.Id()));
  to.set_go_build_id(ToUtf8(from.go_build_id));
  to.set_gnu_build_id(from.gnu_build_id);
  to.set_content_sha256(from.sha256);
  to.set_size_bytes(static_cast<int64_t>(from.size));
}

void FillSite(const profile::Site& from, v1::Profile::Site& to) {
  to.set_kind(std::string(profile::Name(from.kind)));
  to.set_function(ToUtf8(from.function));
  to.set_virtual_address(from.virtual_address);
  to.set_file_offset(from.file_offset);
  to.set_function_offset(from.function_offset);
  to.set_instruction_bytes(std::string(from.bytes.begin(), from.bytes.end()));
  to.set_instruction(ToUtf8(from.instruction));
  to.set_cost_class(from.cost == profile::CostClass::kEmulated
                        ? v1::Profile::Site::COST_CLASS_EMULATED
                        : v1::Profile::Site::COST_CLASS_SINGLE_STEPPED);
  to.set_condition(from.condition);
  to.set_ends_when_taken(from.ends_when_taken);
  for (const profile::ArgumentLocation& argument : from.arguments) {
    auto* out = to.add_arguments();
    out->set_name(argument.name);
    if (argument.kind == profile::ArgumentLocation::Kind::kRegister) {
      out->set_register_name(argument.register_name);
    } else {
      out->set_stack_offset(argument.stack_offset);
    }
  }
}

v1::Profile::FieldOffset::Verdict VerdictOf(const profile::Profile& profile,
                                            const std::string& field) {
  const auto found = profile.verdicts.find(field);
  switch (found == profile.verdicts.end() ? FieldVerdict::kUnverified : found->second) {
    case FieldVerdict::kUnverified:
      return v1::Profile::FieldOffset::VERDICT_UNVERIFIED;
    case FieldVerdict::kVerified:
      return v1::Profile::FieldOffset::VERDICT_VERIFIED;
    case FieldVerdict::kSuspect:
      return v1::Profile::FieldOffset::VERDICT_SUSPECT;
    case FieldVerdict::kRefuted:
      return v1::Profile::FieldOffset::VERDICT_REFUTED;
  }
  return v1::Profile::FieldOffset::VERDICT_UNSPECIFIED;
}

void FillField(const profile::FieldOffset& from, v1::Profile::FieldOffset& to) {
  to.set_offset(from.offset);
  to.set_source(SourceToProto(from.source));
  for (const profile::Evidence& evidence : from.others) {
    auto* out = to.add_others();
    out->set_source(SourceToProto(evidence.source));
    out->set_offset(evidence.offset);
  }
}

void FillTrust(const profile::Profile& from, v1::Profile& to) {
  to.set_trust(from.trust() == profile::Trust::kSuspect ? v1::Profile::TRUST_SUSPECT
                                                        : v1::Profile::TRUST_CONSISTENT);
  for (const profile::Disagreement& disagreement : from.Disagreements()) {
    auto* out = to.add_disagreements();
    out->set_field(ToUtf8(disagreement.field));
    out->set_reason(disagreement.reason);
    out->set_message(ToUtf8(disagreement.message));
  }
}

}  // namespace

v1::Profile ToProto(const profile::Profile& profile) {
  v1::Profile result;
  FillIdentity(profile.identity, result);
  result.set_go_version(ToUtf8(profile.go_version));
  result.set_architecture(profile.architecture);
  result.set_main_module(ToUtf8(profile.main_module));
  for (const auto& [path, version] : profile.modules) {
    (*result.mutable_modules())[ToUtf8(path)] = ToUtf8(version);
  }
  result.set_position_independent(profile.position_independent);
  result.set_stripped(profile.stripped);
  result.set_symbol_source(SourceToProto(profile.symbol_source));
  result.set_map_kind(std::string(profile::Name(profile.map_kind)));
  for (const profile::Site& site : profile.sites) FillSite(site, *result.add_sites());
  for (const auto& [name, field] : profile.fields) {
    v1::Profile::FieldOffset& out = (*result.mutable_fields())[ToUtf8(name)];
    FillField(field, out);
    out.set_verdict(VerdictOf(profile, name));
  }
  FillTrust(profile, result);
  for (const profile::Absence& absence : profile.absences) {
    auto* out = result.add_absences();
    out->set_instrumentation(ToProto(absence.instrumentation));
    out->set_reason(absence.reason);
    out->set_message(ToUtf8(absence.message));
  }
  for (const profile::ErrorMethod& method : profile.error_methods) {
    auto* out = result.add_error_methods();
    out->set_address(method.address);
    out->set_name(ToUtf8(method.name));
  }
  result.set_resolver_revision(profile.resolver_revision);
  return result;
}

void FillSummary(const store::ProfileSummary& from, v1::Profile& to) {
  FillIdentity(from.identity, to);
  to.set_go_version(ToUtf8(from.go_version));
  to.set_binary_path(ToUtf8(from.binary_path));
  to.set_imported(from.imported);
  *to.mutable_create_time() = ToTimestamp(from.create_time_unix_ns);
}

}  // namespace uprobed::rpc
