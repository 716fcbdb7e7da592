#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bpf/abi/site_cookie.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "server/base/errors.h"
#include "server/elf/go_functions.h"
#include "server/elf/instructions.h"
#include "server/profile/error_methods.h"
#include "server/profile/error_words.h"
#include "server/profile/fields.h"
#include "server/profile/grpc_names.h"
#include "server/profile/handler_sites.h"
#include "server/profile/http2_names.h"
#include "server/profile/jump_conditions.h"
#include "server/profile/offsets.h"
#include "server/profile/resolver.h"
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
// The kernel side adds offsets to pointers; all these structs are smaller by far.
constexpr uint32_t kMaxFieldOffset = 4096;
// What a cookie has room for (bpf/abi/site_cookie.h).
constexpr int32_t kMaxSavedWord = UP_COOKIE_STREAM_WORD_MASK;
constexpr int32_t kWordOfStack = 8;

absl::Status Invalid(std::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "PROFILE_INVALID",
                   fmt::format("the profile is not valid: {}; export it again from the daemon that "
                               "resolved it",
                               what));
}

absl::Status InvalidSite(const Site& site, std::string_view what) {
  return Invalid(fmt::format("the {} site in {} at file offset {:#x} {}", Name(site.kind),
                             site.function, site.file_offset, what));
}

bool IsLowerHexadecimal(const std::string& text) {
  return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

absl::Status CheckIdentity(const Profile& profile) {
  const BinaryIdentity& identity = profile.identity;
  if (identity.sha256.size() != 64 || !IsLowerHexadecimal(identity.sha256)) {
    return Invalid("its SHA-256 is not 64 lower-case hexadecimal digits");
  }
  if (identity.size == 0) return Invalid("the size of its binary is 0");
  if (!IsLowerHexadecimal(identity.gnu_build_id)) {
    return Invalid("its GNU build ID is not hexadecimal");
  }
  if (profile.go_version.empty()) return Invalid("it names no Go version");
  if (profile.resolver_revision < 1 || profile.resolver_revision > kResolverRevision) {
    return Invalid(fmt::format("its resolver revision is {}; this daemon knows 1 to {}",
                               profile.resolver_revision, kResolverRevision));
  }
  if (profile.symbol_source != Source::kSymtab && profile.symbol_source != Source::kPclntab) {
    return Invalid("its symbols come neither from the symbol table nor from pclntab");
  }
  return absl::OkStatus();
}

// What the kernel side takes for granted of the instruction under a site of each kind.
absl::Status CheckInstructionKind(elf::Architecture architecture, const Site& site) {
  if (IsCloseOfChannel(site)) {
    if (PackedConditionOf(architecture, site.bytes)) return absl::OkStatus();
    return InvalidSite(site, "is not a conditional jump");
  }
  switch (site.kind) {
    case SiteKind::kServerStart:
      if (site.function == kHandlerFunction) return absl::OkStatus();
      [[fallthrough]];
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

absl::Status CheckSites(elf::Architecture architecture, const Profile& profile) {
  if (profile.sites.empty()) return Invalid("it has no sites");
  if (profile.sites.size() > kMaxSites) {
    return Invalid(fmt::format("it has {} sites, more than {}", profile.sites.size(), kMaxSites));
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
    return Invalid("some sites have their arguments in registers and some on the stack");
  }
  const bool server = kinds.contains(SiteKind::kServerStart);
  if (server != kinds.contains(SiteKind::kServerEnd)) {
    return Invalid("the server's sites lack a start or an end");
  }
  const std::set<std::string_view> clients = FunctionsWith(profile, SiteKind::kClientStart);
  if (clients != FunctionsWith(profile, SiteKind::kClientResult) ||
      clients.contains(kRoundTripFunction) != profile.Has(Instrumentation::kHttpClient)) {
    return Invalid("the client's sites lack a start or a result");
  }
  if (const auto flaw = Http2Flaw(profile)) return Invalid(*flaw);
  if (const auto flaw = RuntimeFlaw(profile)) return Invalid(*flaw);
  if (const auto flaw = GrpcFlaw(profile)) return Invalid(*flaw);
  if (const auto flaw = ResponseFlaw(profile)) return Invalid(*flaw);
  if (const auto flaw = HandlerFlaw(profile)) return Invalid(*flaw);
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
    return Invalid(
        fmt::format("the offset of {} comes from {}, which knows none", key, Name(field.source)));
  }
  for (const Evidence& evidence : field.others) {
    const int strength = StrengthOf(evidence.source);
    if (strength == 0 || strength >= before) {
      return Invalid(fmt::format("the sources of {} are not in the order of their strength", key));
    }
    if (evidence.offset >= kMaxFieldOffset) {
      return Invalid(fmt::format("the offset {} of {} is out of bounds", evidence.offset, key));
    }
    before = strength;
  }
  return absl::OkStatus();
}

absl::Status CheckFields(const Profile& profile) {
  std::set<std::string> known;
  for (const FieldSpec& field : AllFields()) known.insert(FieldKey(field));
  for (const auto& [key, field] : profile.fields) {
    if (!known.contains(key)) return Invalid(fmt::format("it has an unknown field \"{}\"", key));
    if (field.offset >= kMaxFieldOffset) {
      return Invalid(fmt::format("the offset {} of {} is out of bounds", field.offset, key));
    }
    RETURN_IF_ERROR(CheckSources(key, field));
  }
  for (const Instrumentation instrumentation : kInstrumentations) {
    if (!profile.Has(instrumentation)) continue;
    const std::vector<std::string> missing = MissingFields(profile.fields, instrumentation);
    if (!missing.empty()) {
      return Invalid(
          fmt::format("{} lacks the fields {}", Name(instrumentation), fmt::join(missing, ", ")));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckErrorMethods(const Profile& profile) {
  const std::vector<ErrorMethod>& methods = profile.error_methods;
  if (methods.size() > kMaxErrorMethods) {
    return Invalid(
        fmt::format("it has {} error methods, more than {}", methods.size(), kMaxErrorMethods));
  }
  if (!methods.empty() && methods.front().address == 0) {
    return Invalid("it has an error method at address 0, which means none");
  }
  for (size_t i = 1; i < methods.size(); ++i) {
    if (methods[i - 1].address >= methods[i].address) {
      return Invalid("its error methods do not come in ascending order of address");
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
      return Invalid(fmt::format("{} must have either sites or one reason for its absence",
                                 Name(instrumentation)));
    }
  }
  return absl::OkStatus();
}

absl::Status Mismatch(const elf::ElfFile& file, std::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PROFILE_BYTES_MISMATCH",
                   fmt::format("{} is not the binary that the profile was made from: {}; resolve "
                               "it anew",
                               file.name(), what),
                   {{"path", file.name()}});
}

absl::Status CheckBytes(const Site& site, const elf::ElfFile& file) {
  if (file.FileOffset(site.virtual_address) != site.file_offset) {
    return Mismatch(file, fmt::format("address {:#x} is not at file offset {:#x}",
                                      site.virtual_address, site.file_offset));
  }
  const std::span<const std::byte> found =
      file.bytes().subspan(site.file_offset, site.bytes.size());
  const bool equal = std::equal(site.bytes.begin(), site.bytes.end(), found.begin(),
                                [](uint8_t a, std::byte b) { return std::byte{a} == b; });
  if (equal) return absl::OkStatus();
  return Mismatch(file, fmt::format("the bytes at file offset {:#x} in {} are others",
                                    site.file_offset, site.function));
}

// A breakpoint in the middle of an instruction would change what the program does, so that the
// bytes alone are not enough: the site must be an instruction of its function.
absl::Status CheckBoundaries(const Profile& profile, const elf::ElfFile& file) {
  ASSIGN_OR_RETURN(const elf::GoFunctions functions, elf::GoFunctions::Read(file));
  std::map<std::string_view, std::vector<const Site*>> by_function;
  for (const Site& site : profile.sites) by_function[site.function].push_back(&site);
  for (const auto& [name, sites] : by_function) {
    const std::vector<elf::GoFunction> found = functions.Find(name);
    if (found.empty()) return Mismatch(file, fmt::format("it has no {}", name));
    const elf::GoFunction& function = found.front();
    ASSIGN_OR_RETURN(const std::vector<elf::Instruction> instructions,
                     elf::Disassemble(file, function.address, function.size));
    for (const Site* site : sites) {
      const bool begins = std::any_of(
          instructions.begin(), instructions.end(), [site](const elf::Instruction& instruction) {
            return instruction.address == site->virtual_address && instruction.bytes == site->bytes;
          });
      if (!begins || site->virtual_address - site->function_offset != function.address) {
        return InvalidSite(*site, "is not an instruction of that function");
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckConsistency(const Profile& profile) {
  RETURN_IF_ERROR(CheckIdentity(profile));
  const auto architecture = elf::ArchitectureFromName(profile.architecture);
  if (!architecture) {
    return Invalid(
        fmt::format("its architecture is \"{}\", not amd64 or arm64", profile.architecture));
  }
  RETURN_IF_ERROR(CheckSites(*architecture, profile));
  RETURN_IF_ERROR(CheckFields(profile));
  RETURN_IF_ERROR(CheckErrorMethods(profile));
  return CheckAbsences(profile);
}

absl::Status Verify(const Profile& profile, const elf::ElfFile& file) {
  RETURN_IF_ERROR(CheckConsistency(profile));
  if (profile.identity.size != file.size()) {
    return Mismatch(file, fmt::format("it has {} bytes, the profile's has {}", file.size(),
                                      profile.identity.size));
  }
  if (profile.architecture != elf::Name(file.architecture())) {
    return Mismatch(file, fmt::format("it is built for {}", elf::Name(file.architecture())));
  }
  for (const Site& site : profile.sites) RETURN_IF_ERROR(CheckBytes(site, file));
  return CheckBoundaries(profile, file);
}

}  // namespace uprobed::profile
