#include "server/control/wanted.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "server/base/errors.h"

namespace uprobed::control {
namespace {

using profile::Instrumentation;

absl::Status AbsenceError(const profile::Profile& profile, Instrumentation missing) {
  const std::string name(profile::Name(missing));
  for (const profile::Absence& absence : profile.absences) {
    if (absence.instrumentation == missing) {
      return MakeError(
          absl::StatusCode::kFailedPrecondition, absence.reason,
          fmt::format("{} cannot be observed in this binary: {}", name, absence.message),
          {{"instrumentation", name}});
    }
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "INSTRUMENTATION_MISSING",
                   fmt::format("the profile of this binary has no {}", name),
                   {{"instrumentation", name}});
}

}  // namespace

absl::StatusOr<std::vector<Instrumentation>> WantedOf(const store::ProbeSpec& spec,
                                                      const profile::Profile& profile) {
  std::vector<Instrumentation> wanted = spec.instrumentations;
  if (wanted.empty()) wanted = {Instrumentation::kHttpServer, Instrumentation::kHttpClient};
  std::vector<Instrumentation> present;
  for (const Instrumentation instrumentation : wanted) {
    if (profile.Has(instrumentation)) present.push_back(instrumentation);
  }
  if (present.empty()) return AbsenceError(profile, wanted.front());
  return present;
}

absl::Status MissingError(const store::ProbeSpec& spec, const profile::Profile& profile) {
  for (const Instrumentation instrumentation : spec.instrumentations) {
    if (!profile.Has(instrumentation)) return AbsenceError(profile, instrumentation);
  }
  return absl::OkStatus();
}

}  // namespace uprobed::control
