#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "server/base/errors.h"
#include "server/profile/error_methods.h"
#include "server/profile/fields.h"
#include "server/profile/offsets.h"
#include "server/profile/resolver.h"
#include "server/profile/site_checks.h"

namespace uprobed::profile {
namespace {

// The kernel side adds offsets to pointers; all these structs are smaller by far.
constexpr uint32_t kMaxFieldOffset = 4096;

bool IsLowerHexadecimal(const std::string& text) {
  return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

absl::Status CheckIdentity(const Profile& profile) {
  const BinaryIdentity& identity = profile.identity;
  if (identity.sha256.size() != 64 || !IsLowerHexadecimal(identity.sha256)) {
    return InvalidProfile("its SHA-256 is not 64 lower-case hexadecimal digits");
  }
  if (identity.size == 0) return InvalidProfile("the size of its binary is 0");
  if (!IsLowerHexadecimal(identity.gnu_build_id)) {
    return InvalidProfile("its GNU build ID is not hexadecimal");
  }
  if (profile.go_version.empty()) return InvalidProfile("it names no Go version");
  if (profile.resolver_revision < 1 || profile.resolver_revision > kResolverRevision) {
    return InvalidProfile(fmt::format("its resolver revision is {}; this daemon knows 1 to {}",
                                      profile.resolver_revision, kResolverRevision));
  }
  if (profile.symbol_source != Source::kSymtab && profile.symbol_source != Source::kPclntab) {
    return InvalidProfile("its symbols come neither from the symbol table nor from pclntab");
  }
  return absl::OkStatus();
}

// The place of a source of offsets in the order of strength; 0 for a source of something else.
int StrengthOf(Source source) {
  if (source == Source::kDwarf) return 3;
  if (source == Source::kTable) return 2;
  return source == Source::kDisassembly ? 1 : 0;
}

// That the sources of one offset are such, each once, the strongest first: then no source is quoted
// over a stronger one.
absl::Status CheckSources(const std::string& key, const FieldOffset& field) {
  int before = StrengthOf(field.source);
  if (before == 0) {
    return InvalidProfile(
        fmt::format("the offset of {} comes from {}, which knows none", key, Name(field.source)));
  }
  for (const Evidence& evidence : field.others) {
    const int strength = StrengthOf(evidence.source);
    if (strength == 0 || strength >= before) {
      return InvalidProfile(
          fmt::format("the sources of {} are not in the order of their strength", key));
    }
    if (evidence.offset >= kMaxFieldOffset) {
      return InvalidProfile(
          fmt::format("the offset {} of {} is out of bounds", evidence.offset, key));
    }
    before = strength;
  }
  return absl::OkStatus();
}

absl::Status CheckFields(const Profile& profile) {
  std::set<std::string> known;
  for (const FieldSpec& field : AllFields()) known.insert(FieldKey(field));
  for (const auto& [key, field] : profile.fields) {
    if (!known.contains(key))
      return InvalidProfile(fmt::format("it has an unknown field \"{}\"", key));
    if (field.offset >= kMaxFieldOffset) {
      return InvalidProfile(fmt::format("the offset {} of {} is out of bounds", field.offset, key));
    }
    RETURN_IF_ERROR(CheckSources(key, field));
  }
  for (const Instrumentation instrumentation : kInstrumentations) {
    if (!profile.Has(instrumentation)) continue;
    const std::vector<std::string> missing = MissingFields(profile.fields, instrumentation);
    if (!missing.empty()) {
      return InvalidProfile(
          fmt::format("{} lacks the fields {}", Name(instrumentation), fmt::join(missing, ", ")));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckErrorMethods(const Profile& profile) {
  const std::vector<ErrorMethod>& methods = profile.error_methods;
  if (methods.size() > kMaxErrorMethods) {
    return InvalidProfile(
        fmt::format("it has {} error methods, more than {}", methods.size(), kMaxErrorMethods));
  }
  if (!methods.empty() && methods.front().address == 0) {
    return InvalidProfile("it has an error method at address 0, which means none");
  }
  for (size_t i = 1; i < methods.size(); ++i) {
    if (methods[i - 1].address >= methods[i].address) {
      return InvalidProfile("its error methods do not come in ascending order of address");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAbsences(const Profile& profile) {
  for (const Instrumentation instrumentation : kInstrumentations) {
    const auto count = std::count_if(
        profile.absences.begin(), profile.absences.end(),
        [&](const Absence& absence) { return absence.instrumentation == instrumentation; });
    // Revisions up to 4 knew of no other instrumentations than these two, and that a program has
    // nothing of gRPC needs no reason.
    const bool optional = instrumentation != Instrumentation::kHttpServer &&
                          instrumentation != Instrumentation::kHttpClient;
    const int most = profile.Has(instrumentation) ? 0 : 1;
    if (count > most || (count < most && !optional)) {
      return InvalidProfile(fmt::format("{} must have either sites or one reason for its absence",
                                        Name(instrumentation)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckConsistency(const Profile& profile) {
  RETURN_IF_ERROR(CheckIdentity(profile));
  const auto architecture = elf::ArchitectureFromName(profile.architecture);
  if (!architecture) {
    return InvalidProfile(
        fmt::format("its architecture is \"{}\", not amd64 or arm64", profile.architecture));
  }
  RETURN_IF_ERROR(CheckSites(*architecture, profile));
  RETURN_IF_ERROR(CheckFields(profile));
  RETURN_IF_ERROR(CheckErrorMethods(profile));
  return CheckAbsences(profile);
}

}  // namespace uprobed::profile
