#include "server/control/wanted.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include "server/base/errors.h"
#include "server/elf/architecture.h"
#include "server/profile/fields.h"
#include "server/profile/handler_sites.h"
#include "server/profile/injection_sites.h"
#include "server/profile/response_sites.h"
#include "server/profile/router_names.h"

namespace uprobed::control {
namespace {

using profile::Instrumentation;

// What finds parents of calls on other goroutines.
std::vector<Instrumentation> CausalityOf(const store::ProbeSpec& spec) {
  std::vector<Instrumentation> wanted;
  if (spec.causality_goroutines) wanted.push_back(Instrumentation::kGoroutines);
  if (spec.causality_channels) wanted.push_back(Instrumentation::kChannels);
  return wanted;
}

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

// A binary may lie here for another machine, in an image or for an emulator.
absl::Status CheckMachine(const profile::Profile& profile) {
  const std::string_view here = elf::Name(elf::kHostArchitecture);
  if (profile.architecture == here) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "BINARY_ARCHITECTURE_FOREIGN",
                   fmt::format("the binary is built for {0} and this machine is {1}: its profile "
                               "can be resolved here and taken elsewhere (uprobectl profile "
                               "export), but a probe needs a daemon on a machine of {0}",
                               profile.architecture, here),
                   {{"architecture", profile.architecture}});
}

absl::Status CheckTrust(const store::ProbeSpec& spec, const profile::Profile& profile) {
  const std::vector<profile::Disagreement> disagreements = profile.Disagreements();
  if (disagreements.empty() || spec.allow_suspect_profile) return absl::OkStatus();
  const profile::Disagreement& first = disagreements.front();
  const std::string more = disagreements.size() == 1
                               ? ""
                               : fmt::format(" (and of {} more fields)", disagreements.size() - 1);
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "PROFILE_SUSPECT",
      fmt::format("the sources of profiles/{} disagree about {}{}, so that spans might carry wrong "
                  "values: the standard library of this build may be patched; look at the profile, "
                  "and attach with allow_suspect_profile where {} is right",
                  profile.identity.Id(), first.message, more,
                  profile::Name(profile.fields.at(first.field).source)),
      {{"profile", "profiles/" + profile.identity.Id()}, {"field", first.field}});
}

bool IsObserved(const store::ProbeSpec& spec, const profile::Profile& profile,
                Instrumentation instrumentation) {
  const auto& named = spec.instrumentations;
  return profile.Has(instrumentation) &&
         (named.empty() || std::find(named.begin(), named.end(), instrumentation) != named.end());
}

absl::Status CheckStitching(const store::ProbeSpec& spec, const profile::Profile& profile) {
  std::string_view cause;
  if (!IsObserved(spec, profile, Instrumentation::kHttpClient)) {
    cause = "the requests that it makes are not observed";
  } else if (std::none_of(profile.sites.begin(), profile.sites.end(), [](const auto& site) {
               return site.kind == profile::SiteKind::kClientConnection;
             })) {
    cause = "net/http.(*persistConn).roundTrip does not begin as in any known release of Go";
  } else if (!profile::KnowsConnections(profile.fields)) {
    cause = "it is not known where its structs keep the connection";
  } else {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "STITCHING_UNAVAILABLE",
                   fmt::format("traces cannot be stitched to the requests of this binary: {}; all "
                               "else is observed, take stitch_traces back to make the probe active",
                               cause));
}

absl::Status CheckInjection(const store::ProbeSpec& spec, const profile::Profile& profile) {
  std::string_view cause;
  if (!IsObserved(spec, profile, Instrumentation::kHttpClient)) {
    cause = "the requests that it makes are not observed";
  } else if (!profile::KnowsInjection(profile)) {
    cause = "its net/http does not write requests as any known release of Go";
  } else {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "INJECTION_UNAVAILABLE",
                   fmt::format("the requests of this binary cannot be given a traceparent: {}; all "
                               "else is observed, take inject_traceparent back to make the probe "
                               "active",
                               cause));
}

absl::Status TimingError(std::string_view what, std::string_view cause, std::string_view option) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "TIMING_UNAVAILABLE",
                   fmt::format("{} cannot be told in this binary: {}; all else is observed, take "
                               "{} back to make the probe active",
                               what, cause, option));
}

absl::Status CheckTiming(const store::ProbeSpec& spec, const profile::Profile& profile) {
  constexpr std::string_view kUnknown = "its net/http is not as in any known release of Go";
  if (spec.server_first_byte) {
    constexpr std::string_view kWhat = "when a response begins";
    if (!IsObserved(spec, profile, Instrumentation::kHttpServer)) {
      return TimingError(kWhat, "the requests that it serves are not observed",
                         "timing.server_first_byte");
    }
    if (!profile::KnowsFirstByte(profile)) {
      return TimingError(kWhat, kUnknown, "timing.server_first_byte");
    }
  }
  if (spec.client_body) {
    constexpr std::string_view kWhat = "when a response has been read";
    if (!IsObserved(spec, profile, Instrumentation::kHttpClient)) {
      return TimingError(kWhat, "the requests that it makes are not observed",
                         "timing.client_body");
    }
    if (!profile::KnowsClientBodies(profile)) {
      return TimingError(kWhat, kUnknown, "timing.client_body");
    }
  }
  return absl::OkStatus();
}

// A program with none of the routers, or none beside those that are understood, lacks nothing: the
// option is for whole fleets, and ServeMux tells its patterns anyway.
absl::Status CheckRoutes(const profile::Profile& profile) {
  const auto unknown =
      std::find_if(profile.sites.begin(), profile.sites.end(), [&profile](const auto& site) {
        return site.kind == profile::SiteKind::kServerRoute &&
               !profile::KnowsRoute(site, profile.fields);
      });
  if (unknown == profile.sites.end()) return absl::OkStatus();
  const std::string router(profile::FindRouter(unknown->function)->name);
  return MakeError(absl::StatusCode::kFailedPrecondition, "ROUTES_UNAVAILABLE",
                   fmt::format("the routes of {0} are not known: neither DWARF nor the table says "
                               "where this version of it keeps them; all else is observed, build "
                               "with DWARF (without -ldflags=-w) or take framework_routes back to "
                               "make the probe active",
                               router),
                   {{"router", router}});
}

absl::Status CheckHandlers(const store::ProbeSpec& spec, const profile::Profile& profile) {
  std::string_view cause;
  if (!IsObserved(spec, profile, Instrumentation::kHttpServer)) {
    cause = "the requests that it serves are not observed";
  } else if (!profile::KnowsHandlers(profile)) {
    cause = "its http.ServeMux is not built as in any known release of Go";
  } else {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "HANDLER_FUNCTION_UNAVAILABLE",
                   fmt::format("the functions that serve the requests of this binary cannot be "
                               "told: {}; all else is observed, take handler_function back to make "
                               "the probe active",
                               cause));
}

}  // namespace

absl::StatusOr<std::vector<Instrumentation>> WantedOf(const store::ProbeSpec& spec,
                                                      const profile::Profile& profile) {
  RETURN_IF_ERROR(CheckMachine(profile));
  std::vector<Instrumentation> wanted = spec.instrumentations;
  if (wanted.empty()) {
    wanted.assign(std::begin(profile::kSpanInstrumentations),
                  std::end(profile::kSpanInstrumentations));
  }
  std::vector<Instrumentation> present;
  for (const Instrumentation instrumentation : wanted) {
    if (profile.Has(instrumentation)) present.push_back(instrumentation);
  }
  if (present.empty()) return AbsenceError(profile, wanted.front());
  RETURN_IF_ERROR(CheckTrust(spec, profile));
  for (const Instrumentation instrumentation : CausalityOf(spec)) {
    if (profile.Has(instrumentation)) present.push_back(instrumentation);
  }
  return present;
}

absl::Status MissingError(const store::ProbeSpec& spec, const profile::Profile& profile) {
  for (const Instrumentation instrumentation : spec.instrumentations) {
    if (!profile.Has(instrumentation)) return AbsenceError(profile, instrumentation);
  }
  for (const Instrumentation instrumentation : CausalityOf(spec)) {
    if (!profile.Has(instrumentation)) return AbsenceError(profile, instrumentation);
  }
  if (spec.stitch_traces) RETURN_IF_ERROR(CheckStitching(spec, profile));
  if (spec.framework_routes) RETURN_IF_ERROR(CheckRoutes(profile));
  if (spec.inject_traceparent) RETURN_IF_ERROR(CheckInjection(spec, profile));
  if (spec.handler_function) RETURN_IF_ERROR(CheckHandlers(spec, profile));
  return CheckTiming(spec, profile);
}

}  // namespace uprobed::control
