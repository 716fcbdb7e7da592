#include "server/profile/site_checks.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "bpf/abi/site_cookie.h"
#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/elf/instructions.h"
#include "server/profile/error_words.h"
#include "server/profile/grpc_names.h"
#include "server/profile/handler_sites.h"
#include "server/profile/http2_names.h"
#include "server/profile/jump_conditions.h"
#include "server/profile/response_sites.h"
#include "server/profile/runtime_sites.h"
#include "server/profile/sites.h"
#include "server/profile/word_holders.h"

namespace uprobed::profile {
namespace {

// Longest instruction of x86-64 (Intel SDM, 2.3.11).
constexpr size_t kMaxInstructionBytes = 15;
constexpr uint64_t kArm64Alignment = 4;
// Transport.roundTrip of Go 1.15 to 1.27 needs less than 30 sites.
constexpr size_t kMaxSites = 256;
// What a cookie has room for (bpf/abi/site_cookie.h).
constexpr int32_t kMaxSavedWord = UP_COOKIE_STREAM_WORD_MASK;
constexpr int32_t kWordOfStack = 8;

// What the kernel side takes for granted of the instruction under a site of each kind.
absl::Status CheckInstructionKind(elf::Architecture architecture, const Site& site) {
  if (IsCloseOfChannel(site)) {
    if (PackedConditionOf(architecture, site.bytes)) return absl::OkStatus();
    return InvalidSite(site, "is not a conditional jump");
  }
  switch (site.kind) {
    case SiteKind::kServerStart:
    case SiteKind::kServerEnd:
    case SiteKind::kServerRefused:
    case SiteKind::kServerRoute:
    case SiteKind::kClientHeaders:
    case SiteKind::kHttp2ClientHeaders:
    case SiteKind::kHttp2ServerEnd:
    case SiteKind::kHttp2ServerPanic:
    case SiteKind::kHttp2ServerAbort:
    case SiteKind::kGoroutineStart:
    case SiteKind::kChannelSend:
    case SiteKind::kChannelReceive:
    case SiteKind::kChannelSendDirect:
    case SiteKind::kChannelReceiveDirect:
    case SiteKind::kSelectSend:
    case SiteKind::kSelectReceive:
    case SiteKind::kSelectReceiveDirect:
    case SiteKind::kSelectDone:
    case SiteKind::kChannelClose:
    case SiteKind::kGrpcServerGone:
    case SiteKind::kGrpcClientStart:
    case SiteKind::kGrpcClientEnd:
    case SiteKind::kGrpcClientFinish:
    case SiteKind::kServerRedirect:
    case SiteKind::kServeMuxCall:
      if (elf::IsDirectCall(architecture, site.bytes)) return absl::OkStatus();
      return InvalidSite(site, "is not a direct call");
    case SiteKind::kClientResult:
    case SiteKind::kGrpcClientFailed:
    case SiteKind::kClientBodyCause:
      if (ZeroTestOf(architecture, site.bytes)) return absl::OkStatus();
      return InvalidSite(site, "is not a test for equality");
    case SiteKind::kServerRecover:
    case SiteKind::kHttp2ServerGoexit:
      if (!ZeroTestOf(architecture, site.bytes)) {
        return InvalidSite(site, "is not a test for equality");
      }
      [[fallthrough]];
    case SiteKind::kClientBranch:
      if (PackedConditionOf(architecture, site.bytes) == site.condition) return absl::OkStatus();
      return InvalidSite(site, "is not a conditional jump with the condition it names");
    case SiteKind::kHttp2ServerStart:
      if (std::none_of(site.arguments.begin(), site.arguments.end(), IsSaved) ||
          PackedConditionOf(architecture, site.bytes)) {
        return absl::OkStatus();
      }
      return InvalidSite(site, "is not a conditional jump");
    case SiteKind::kClientStart:
    case SiteKind::kClientError:
    case SiteKind::kClientConnection:
    case SiteKind::kTimerStart:
    case SiteKind::kTimerStop:
    case SiteKind::kGrpcServerStart:
    case SiteKind::kGrpcServerEnd:
    case SiteKind::kGrpcStatusError:
    case SiteKind::kClientExchangeError:
    case SiteKind::kServerFirstByte:
    case SiteKind::kHttp2ServerFirstByte:
    case SiteKind::kClientBodyRead:
    case SiteKind::kClientBodyClose:
    case SiteKind::kHttp2ClientBodyRead:
    case SiteKind::kHttp2ClientBodyClose:
    case SiteKind::kClientGzipBody:
    case SiteKind::kHttp2ClientAttempt:
    case SiteKind::kHttp2ClientStream:
    case SiteKind::kGrpcMetadataKey:
    case SiteKind::kGrpcValueContext:
    case SiteKind::kGrpcTcpAddress:
    case SiteKind::kServerHandler:
    case SiteKind::kHandlerFunc:
    case SiteKind::kEchoHandler:
    case SiteKind::kOwnHandler:
      return absl::OkStatus();
  }
  return InvalidSite(site, "is of an unknown kind");
}

// Whether the kernel side reads arguments where the site has them.
bool HasKnownArguments(elf::Architecture architecture, Site site) {
  for (ArgumentLocation& argument : site.arguments) {
    if (!IsSaved(argument)) continue;
    const int32_t offset = std::exchange(argument.stack_offset, 0);
    if (offset < 0 || offset % kWordOfStack != 0 || offset / kWordOfStack > kMaxSavedWord) {
      return false;
    }
  }
  if (site.kind == SiteKind::kClientBranch && site.arguments.empty()) return true;
  if (site.kind == SiteKind::kClientError) return AreErrorWords(architecture, site.arguments);
  if (IsCloseOfChannel(site)) {
    return site.arguments.size() == 1 && site.arguments[0].name == "channel" &&
           site.arguments[0].stack_offset == 0 &&
           RegisterFromName(architecture, site.arguments[0].register_name).has_value();
  }
  if (architecture == elf::Architecture::kArm64) {
    return site.arguments == ArgumentsOf(site, CallAbi::kArm64Registers);
  }
  return site.arguments == ArgumentsOf(site, CallAbi::kAmd64Registers) ||
         site.arguments == ArgumentsOf(site, CallAbi::kAmd64Stack);
}

absl::Status CheckSite(elf::Architecture architecture, const Profile& profile, const Site& site) {
  if (site.bytes.empty() || site.bytes.size() > kMaxInstructionBytes) {
    return InvalidSite(site, fmt::format("has {} bytes; an instruction has 1 to {}",
                                         site.bytes.size(), kMaxInstructionBytes));
  }
  if (site.file_offset >= profile.identity.size ||
      site.bytes.size() > profile.identity.size - site.file_offset) {
    return InvalidSite(site, "is not inside the file");
  }
  if (site.function_offset > UP_COOKIE_FUNCTION_OFFSET_MASK) {
    return InvalidSite(site, "is further from the entry of its function than any is");
  }
  if (!LiesIn(site.kind, site.function)) {
    return InvalidSite(site, "is not in a function where such sites are");
  }
  if (site.virtual_address < site.function_offset) {
    return InvalidSite(site, "has a function that begins below address 0");
  }
  RETURN_IF_ERROR(CheckInstructionKind(architecture, site));
  const bool arm64 = architecture == elf::Architecture::kArm64;
  if (arm64 &&
      (site.file_offset % kArm64Alignment != 0 || site.virtual_address % kArm64Alignment != 0)) {
    return InvalidSite(site, "is not where an instruction of arm64 can be");
  }
  const elf::ProbeHandling handling = elf::HandlingOf(architecture, site.bytes);
  if (handling == elf::ProbeHandling::kRefused) {
    return InvalidSite(site, "is an instruction that the kernel lets nobody probe");
  }
  const bool emulated = handling == elf::ProbeHandling::kEmulated;
  if (site.cost != (emulated ? CostClass::kEmulated : CostClass::kSingleStepped)) {
    return InvalidSite(site, fmt::format("is marked {}, which its bytes are not", Name(site.cost)));
  }
  if (!IsBranch(site.kind) && (site.condition != 0 || site.ends_when_taken)) {
    return InvalidSite(site, "has a condition, which only branches have");
  }
  if (!HasKnownArguments(architecture, site)) {
    return InvalidSite(site, "has arguments where the kernel side does not read them");
  }
  return absl::OkStatus();
}

std::set<std::string_view> FunctionsWith(const Profile& profile, SiteKind kind) {
  std::set<std::string_view> functions;
  for (const Site& site : profile.sites) {
    if (site.kind == kind) functions.insert(site.function);
  }
  return functions;
}

}  // namespace

absl::Status InvalidProfile(std::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "PROFILE_INVALID",
                   fmt::format("the profile is not valid: {}; export it again from the daemon that "
                               "resolved it",
                               what));
}

absl::Status InvalidSite(const Site& site, std::string_view what) {
  return InvalidProfile(fmt::format("the {} site in {} at file offset {:#x} {}", Name(site.kind),
                                    site.function, site.file_offset, what));
}

absl::Status CheckSites(elf::Architecture architecture, const Profile& profile) {
  if (profile.sites.empty()) return InvalidProfile("it has no sites");
  if (profile.sites.size() > kMaxSites) {
    return InvalidProfile(
        fmt::format("it has {} sites, more than {}", profile.sites.size(), kMaxSites));
  }
  std::set<SiteKind> kinds;
  std::set<ArgumentLocation::Kind> locations;
  for (size_t i = 0; i < profile.sites.size(); ++i) {
    const Site& site = profile.sites[i];
    RETURN_IF_ERROR(CheckSite(architecture, profile, site));
    if (i > 0 && profile.sites[i - 1].file_offset >= site.file_offset) {
      return InvalidSite(site, "does not come in ascending order of file offset");
    }
    kinds.insert(site.kind);
    // Where these are in the middle of a function, no convention says.
    if (site.kind == SiteKind::kClientError || IsCloseOfChannel(site)) continue;
    for (const ArgumentLocation& argument : site.arguments) {
      if (!IsSaved(argument)) locations.insert(argument.kind);
    }
  }
  if (locations.size() > 1) {
    return InvalidProfile("some sites have their arguments in registers and some on the stack");
  }
  const bool server = kinds.contains(SiteKind::kServerStart);
  if (server != kinds.contains(SiteKind::kServerEnd)) {
    return InvalidProfile("the server's sites lack a start or an end");
  }
  const std::set<std::string_view> clients = FunctionsWith(profile, SiteKind::kClientStart);
  if (clients != FunctionsWith(profile, SiteKind::kClientResult) ||
      clients.contains(kRoundTripFunction) != profile.Has(Instrumentation::kHttpClient)) {
    return InvalidProfile("the client's sites lack a start or a result");
  }
  if (const auto flaw = Http2Flaw(profile)) return InvalidProfile(*flaw);
  if (const auto flaw = RuntimeFlaw(profile)) return InvalidProfile(*flaw);
  if (const auto flaw = GrpcFlaw(profile)) return InvalidProfile(*flaw);
  if (const auto flaw = ResponseFlaw(profile)) return InvalidProfile(*flaw);
  if (const auto flaw = HandlerFlaw(profile)) return InvalidProfile(*flaw);
  return absl::OkStatus();
}

}  // namespace uprobed::profile
