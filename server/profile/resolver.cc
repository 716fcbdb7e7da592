#include "server/profile/resolver.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "server/base/errors.h"
#include "server/elf/go_build_info.h"
#include "server/elf/go_functions.h"
#include "server/elf/go_version_string.h"
#include "server/elf/pclntab.h"
#include "server/profile/error_methods.h"
#include "server/profile/go_version.h"
#include "server/profile/grpc_addresses.h"
#include "server/profile/handler_sites.h"
#include "server/profile/http2_client_sites.h"
#include "server/profile/http2_names.h"
#include "server/profile/injection_sites.h"
#include "server/profile/known_offsets.h"
#include "server/profile/offsets.h"
#include "server/profile/response_sites.h"
#include "server/profile/runtime_sites.h"
#include "server/profile/sites.h"

namespace uprobed::profile {
namespace {

// The layout of structs and of code is known from here on.
constexpr int kFirstSupportedMinor = 15;
// Go passes arguments in registers since then (doc/go1.17, doc/go1.18).
constexpr int kFirstAmd64RegistersMinor = 17;
constexpr int kFirstArm64RegistersMinor = 18;

absl::StatusOr<CallAbi> AbiOf(elf::Architecture architecture, const GoVersion& version,
                              const std::string& text) {
  if (architecture == elf::Architecture::kAmd64) {
    return version.minor < kFirstAmd64RegistersMinor ? CallAbi::kAmd64Stack
                                                     : CallAbi::kAmd64Registers;
  }
  if (version.minor >= kFirstArm64RegistersMinor) return CallAbi::kArm64Registers;
  return MakeError(absl::StatusCode::kFailedPrecondition, "GO_VERSION_UNSUPPORTED",
                   fmt::format("the binary was built for arm64 with \"{}\", which passes arguments "
                               "on the stack there; build it with Go 1.18 or newer to observe it "
                               "on arm64",
                               text),
                   {{"go_version", text}});
}

absl::StatusOr<GoVersion> SupportedVersion(const std::string& text) {
  const std::optional<GoVersion> version = ParseGoVersion(text);
  if (version && version->major == 1 && version->minor >= kFirstSupportedMinor) return *version;
  return MakeError(absl::StatusCode::kFailedPrecondition, "GO_VERSION_UNSUPPORTED",
                   fmt::format("the binary was built with \"{}\"; build it with Go 1.15 or newer "
                               "to observe it",
                               text),
                   {{"go_version", text}});
}

Absence MakeAbsence(Instrumentation instrumentation, const absl::Status& status) {
  return {instrumentation, ReasonOf(status), std::string(status.message())};
}

// Adds the sites, or the reason for their absence, to `profile`. An error of the file itself (its
// code cannot be read) is no absence.
absl::Status AddSites(Instrumentation instrumentation, absl::StatusOr<std::vector<Site>> sites,
                      const absl::Status& dwarf, Profile* profile) {
  if (!sites.ok()) {
    if (!absl::IsFailedPrecondition(sites.status())) return sites.status();
    profile->absences.push_back(MakeAbsence(instrumentation, sites.status()));
    return absl::OkStatus();
  }
  const std::vector<std::string> missing = MissingFields(profile->fields, instrumentation);
  if (!missing.empty()) {
    const absl::Status unknown = MakeError(
        absl::StatusCode::kFailedPrecondition, "OFFSETS_UNKNOWN",
        fmt::format("neither DWARF ({}) nor the table (which has {}) nor the machine code says "
                    "where {} has {}; build with full DWARF (without -ldflags=-w), or import a "
                    "profile made from a build with DWARF",
                    dwarf.ok() ? "read" : ReasonOf(dwarf), CoveredVersions(), profile->go_version,
                    fmt::join(missing, ", ")));
    profile->absences.push_back(MakeAbsence(instrumentation, unknown));
    return absl::OkStatus();
  }
  profile->sites.insert(profile->sites.end(), std::make_move_iterator(sites->begin()),
                        std::make_move_iterator(sites->end()));
  return absl::OkStatus();
}

// The same of gRPC, which most programs have nothing of: that is no absence worth telling.
absl::Status AddGrpcSites(Instrumentation instrumentation, absl::StatusOr<std::vector<Site>> sites,
                          const absl::Status& dwarf, Profile* profile) {
  if (ReasonOf(sites.status()) == "SYMBOL_NOT_FOUND") return absl::OkStatus();
  return AddSites(instrumentation, std::move(sites), dwarf, profile);
}

// Adds the sites of each implementation of HTTP/2 that the binary has, if its fields are known. The
// server is observed without them, too: what is missing are the sites.
absl::Status AddHttp2Sites(const elf::ElfFile& file, const elf::GoFunctions& functions, CallAbi abi,
                           Profile* profile) {
  for (const Http2Names& names : AllHttp2Names()) {
    if (!KnowsFieldsOf(names, profile->fields)) continue;
    absl::StatusOr<std::vector<Site>> sites = FindHttp2Sites(file, functions, abi, names);
    if (!sites.ok()) {
      if (absl::IsFailedPrecondition(sites.status())) continue;
      return sites.status();
    }
    profile->sites.insert(profile->sites.end(), std::make_move_iterator(sites->begin()),
                          std::make_move_iterator(sites->end()));
  }
  return absl::OkStatus();
}

// The error for a binary that can have no instrumentation.
absl::Status NothingToProbe(const Profile& profile, const std::string& path) {
  const bool no_functions =
      std::all_of(profile.absences.begin(), profile.absences.end(),
                  [](const Absence& absence) { return absence.reason == "SYMBOL_NOT_FOUND"; });
  if (no_functions) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "NET_HTTP_MISSING",
                     fmt::format("{} is a Go program ({}) without the server and the client of "
                                 "net/http, or its names are obfuscated; there is nothing to "
                                 "observe in it",
                                 path, profile.go_version),
                     {{"path", path}});
  }
  // A binary may lack one half and have trouble in the other: the trouble is what helps.
  const Absence* cause = &profile.absences.front();
  for (const Absence& absence : profile.absences) {
    if (absence.reason != "SYMBOL_NOT_FOUND") cause = &absence;
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, cause->reason,
                   fmt::format("{}: {}", path, cause->message), {{"path", path}});
}

// The build information; where it was removed, what else tells of the build: the version alone.
absl::StatusOr<elf::GoBuildInfo> ReadBuild(const elf::ElfFile& file) {
  absl::StatusOr<elf::GoBuildInfo> info = elf::ReadGoBuildInfo(file);
  // runtime/proc.go calls a version so that is not there; garble, too.
  const bool nameless = info.ok() && info->go_version == "unknown";
  if (!nameless && (info.ok() || ReasonOf(info.status()) != "BINARY_NOT_GO")) return info;
  const absl::StatusOr<elf::Pclntab> table = elf::Pclntab::Find(file);
  if (!table.ok()) {
    const std::string reason = ReasonOf(table.status());
    if (!nameless && reason == "PCLNTAB_MISSING") return info;
    if (!nameless || reason != "PCLNTAB_VERSION_UNSUPPORTED") return table.status();
    return MakeError(absl::StatusCode::kFailedPrecondition, "BINARY_OBFUSCATED",
                     file.name() +
                         " is a Go program whose version, function table and names are obfuscated "
                         "(as garble does it); give a build that is not obfuscated",
                     {{"path", file.name()}});
  }
  ASSIGN_OR_RETURN(elf::GoVersionString version, elf::FindGoVersionString(file, *table));
  elf::GoBuildInfo known = nameless ? *std::move(info) : elf::GoBuildInfo();
  known.go_version = std::move(version.text);
  return known;
}

// Whatever a goroutine is known to work for must be forgotten when its memory becomes another's.
absl::Status NoGoroutineStarts(const Profile& profile) {
  const Absence& absence = profile.absences.back();
  return MakeError(absl::StatusCode::kFailedPrecondition, absence.reason, absence.message);
}

std::string ExperimentsOf(const elf::GoBuildInfo& info) {
  const auto found = info.settings.find("GOEXPERIMENT");
  return found == info.settings.end() ? "" : found->second;
}

}  // namespace

absl::StatusOr<Profile> Resolve(const elf::ElfFile& file, const BinaryIdentity& identity) {
  ASSIGN_OR_RETURN(const elf::GoBuildInfo info, ReadBuild(file));
  ASSIGN_OR_RETURN(const GoVersion version, SupportedVersion(info.go_version));
  ASSIGN_OR_RETURN(const CallAbi abi, AbiOf(file.architecture(), version, info.go_version));
  ASSIGN_OR_RETURN(const elf::GoFunctions functions, elf::GoFunctions::Read(file));

  Profile profile;
  profile.identity = identity;
  profile.go_version = info.go_version;
  profile.architecture = std::string(elf::Name(file.architecture()));
  profile.main_module = info.main_module;
  profile.modules = info.modules;
  profile.position_independent = file.position_independent();
  profile.symbol_source = functions.from_symtab() ? Source::kSymtab : Source::kPclntab;

  absl::StatusOr<std::vector<Site>> server = FindServerSites(file, functions, abi);
  absl::StatusOr<std::vector<Site>> client = FindClientSites(file, functions, abi);
  absl::StatusOr<std::vector<Site>> grpc_server = FindGrpcServerSites(file, functions, abi);
  absl::StatusOr<std::vector<Site>> grpc_client = FindGrpcClientSites(file, functions, abi);
  absl::StatusOr<Site> grpc_error = FindGrpcStatusError(file, functions, abi);
  if (grpc_server.ok() && !grpc_error.ok()) grpc_server = grpc_error.status();
  if (grpc_client.ok() && !grpc_error.ok()) grpc_client = grpc_error.status();
  absl::Status dwarf;
  if (server.ok() || client.ok() || grpc_server.ok() || grpc_client.ok()) {
    Offsets offsets = ReadOffsets(file, functions, version, ExperimentsOf(info), info.modules);
    profile.fields = std::move(offsets.fields);
    profile.map_kind = offsets.map_kind;
    profile.stripped = !functions.from_symtab() && ReasonOf(offsets.dwarf) == "DWARF_MISSING";
    dwarf = std::move(offsets.dwarf);
  }
  RETURN_IF_ERROR(AddSites(Instrumentation::kHttpServer, std::move(server), dwarf, &profile));
  RETURN_IF_ERROR(AddSites(Instrumentation::kHttpClient, std::move(client), dwarf, &profile));
  RETURN_IF_ERROR(
      AddGrpcSites(Instrumentation::kGrpcServer, std::move(grpc_server), dwarf, &profile));
  RETURN_IF_ERROR(
      AddGrpcSites(Instrumentation::kGrpcClient, std::move(grpc_client), dwarf, &profile));
  if (profile.Has(Instrumentation::kHttpClient)) {
    profile.error_methods = FindErrorMethods(functions);
  }
  if (profile.sites.empty()) return NothingToProbe(profile, file.name());
  if (profile.Has(Instrumentation::kGrpcServer) || profile.Has(Instrumentation::kGrpcClient)) {
    profile.sites.push_back(*std::move(grpc_error));
    ASSIGN_OR_RETURN(const std::vector<Site> sites, FindGrpcAddresses(file, functions, abi));
    profile.sites.insert(profile.sites.end(), sites.begin(), sites.end());
  }
  if (profile.Has(Instrumentation::kHttpServer)) {
    RETURN_IF_ERROR(AddHttp2Sites(file, functions, abi, &profile));
    ASSIGN_OR_RETURN(const std::vector<Site> sites, FindFirstByteSites(file, functions, abi));
    profile.sites.insert(profile.sites.end(), sites.begin(), sites.end());
    ASSIGN_OR_RETURN(const std::vector<Site> routes, FindRouteSites(file, functions, abi));
    profile.sites.insert(profile.sites.end(), routes.begin(), routes.end());
    ASSIGN_OR_RETURN(const std::vector<Site> handlers, FindHandlerSites(file, functions, abi));
    profile.sites.insert(profile.sites.end(), handlers.begin(), handlers.end());
  }
  if (profile.Has(Instrumentation::kHttpClient)) {
    ASSIGN_OR_RETURN(const std::vector<Site> sites, FindClientBodySites(file, functions, abi));
    profile.sites.insert(profile.sites.end(), sites.begin(), sites.end());
    ASSIGN_OR_RETURN(const std::vector<Site> module, FindModuleClientSites(file, functions, abi));
    profile.sites.insert(profile.sites.end(), module.begin(), module.end());
    ASSIGN_OR_RETURN(const std::vector<Site> streams,
                     FindHttp2ClientSites(file, functions, abi, profile.fields));
    profile.sites.insert(profile.sites.end(), streams.begin(), streams.end());
    ASSIGN_OR_RETURN(const std::vector<Site> headers, FindInjectionSites(file, functions, abi));
    profile.sites.insert(profile.sites.end(), headers.begin(), headers.end());
  }

  RETURN_IF_ERROR(AddSites(Instrumentation::kGoroutines, FindGoroutineSites(file, functions, abi),
                           dwarf, &profile));
  RETURN_IF_ERROR(AddSites(Instrumentation::kChannels,
                           profile.Has(Instrumentation::kGoroutines)
                               ? FindChannelSites(file, functions, abi)
                               : NoGoroutineStarts(profile),
                           dwarf, &profile));

  std::sort(profile.sites.begin(), profile.sites.end(),
            [](const Site& a, const Site& b) { return a.file_offset < b.file_offset; });
  RETURN_IF_ERROR(CheckConsistency(profile));
  return profile;
}

}  // namespace uprobed::profile
