#include "server/profile/handler_sites.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <utility>

#include "bpf/abi/profile_slot.h"
#include "bpf/abi/site_cookie.h"
#include "server/base/errors.h"
#include "server/profile/call_results.h"
#include "server/profile/http2_names.h"
#include "server/profile/jump_conditions.h"
#include "server/profile/prologue.h"
#include "server/profile/router_names.h"
#include "server/profile/site_code.h"

namespace uprobed::profile {
namespace {

constexpr std::string_view kServe = "net/http.(*ServeMux).ServeHTTP";
constexpr std::string_view kFind = "net/http.(*ServeMux).Handler";
constexpr std::string_view kLookup = "net/http.(*ServeMux).handler";
constexpr std::string_view kFunc = "net/http.HandlerFunc.ServeHTTP";

// What ServeHTTP asks for the handler since Go 1.22; the second with GODEBUG=httpmuxgo121=1.
constexpr std::array<const char*, 2> kFindHandlers = {"net/http.(*ServeMux).findHandler",
                                                      "net/http.(*serveMux121).findHandler"};
// What Handler calls before it returns an http.RedirectHandler, and for nothing else.
constexpr char kUrlString[] = "net/url.(*URL).String";

// The closure that echo's router is given: it calls a handler with its middleware.
constexpr std::array<std::string_view, 2> kEchoHandlers = {
    "github.com/labstack/echo/v4.(*Echo).add.func1",
    "github.com/labstack/echo/v4.(*Echo).Add.func1"};

// An interface has two words.
constexpr size_t kHandlerWords = 2;
constexpr int32_t kBytesOfWord = 8;

// The plans of one function; none where that is not there or not understood.
template <typename Plan>
absl::Status AddHandlerSitesIn(const elf::ElfFile& file, const elf::GoFunctions& functions,
                               CallAbi abi, std::string_view name, Plan plan,
                               std::vector<Site>* sites) {
  const absl::StatusOr<ControlFlow> flow = ReadFunction(file, functions, name);
  if (!flow.ok()) {
    return absl::IsFailedPrecondition(flow.status()) ? absl::OkStatus() : flow.status();
  }
  if (!CheckGoroutine(*flow, abi).ok()) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::vector<Site> made, MakeSites(file, *flow, plan(*flow)));
  sites->insert(sites->end(), std::make_move_iterator(made.begin()),
                std::make_move_iterator(made.end()));
  return absl::OkStatus();
}

std::vector<SitePlan> PlanEntry(const ControlFlow& flow, SiteKind kind, CallAbi abi) {
  const std::optional<size_t> node = NodeInPrologue(flow, abi);
  if (!node) return {};
  return {{kind, *node, false, ArgumentsOf(kind, abi)}};
}

std::vector<SitePlan> PlanHandlerCalls(const ControlFlow& flow, const std::string& callee,
                                       SiteKind kind, CallAbi abi) {
  std::vector<SitePlan> plans;
  for (const size_t call : flow.CallsTo(callee)) {
    plans.push_back({kind, call, false, ArgumentsOf(kind, abi)});
  }
  return plans;
}

// The first emulated instruction on the straight line behind `call` where its first two results are
// still in registers.
std::optional<size_t> EmulatedBehind(const ControlFlow& flow, size_t call, CallAbi abi) {
  size_t node = call;
  for (int step = 0; step < kMaxStraightLine && flow.successors(node).size() == 1; ++step) {
    node = flow.successors(node).front();
    const elf::Instruction& instruction = flow.at(node);
    if (elf::KernelEmulates(instruction.architecture, instruction.bytes)) return node;
    if (instruction.flow != elf::Flow::kNext || !KeepsFirstWords(instruction, abi, kHandlerWords)) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

// The offset of `ldr x, [sp, #offset]` (Arm ARM, "LDR (immediate)", unsigned offset) into this
// register.
std::optional<int32_t> Arm64LoadFromStack(const elf::Instruction& instruction,
                                          uint8_t register_number) {
  const std::vector<uint8_t>& bytes = instruction.bytes;
  if (bytes.size() != sizeof(uint32_t)) return std::nullopt;
  const uint32_t word = uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 |
                        uint32_t{bytes[3]} << 24;
  if ((word & 0xFFC003E0U) != 0xF94003E0U || (word & 0x1FU) != register_number) {
    return std::nullopt;
  }
  return static_cast<int32_t>(word >> 10U & 0xFFFU) * kBytesOfWord;
}

// The offset of `cmpq $0, offset(%rsp)` (Intel SDM volume 2, CMP: REX.W 83 /7 ib, with a SIB byte
// for rsp and a displacement of 8 or 32 bits).
std::optional<int32_t> ComparedPlace(const elf::Instruction& instruction) {
  const std::vector<uint8_t>& bytes = instruction.bytes;
  if (bytes.size() < 6 || bytes[0] != 0x48 || bytes[1] != 0x83 || bytes[3] != 0x24 ||
      bytes.back() != 0) {
    return std::nullopt;
  }
  int32_t offset = -1;
  if (bytes[2] == 0x7c && bytes.size() == 6 && bytes[4] < 0x80) offset = bytes[4];
  if (bytes[2] == 0xbc && bytes.size() == 9) {
    offset = static_cast<int32_t>(uint32_t{bytes[4]} | uint32_t{bytes[5]} << 8 |
                                  uint32_t{bytes[6]} << 16 | uint32_t{bytes[7]} << 24);
  }
  return offset >= 0 ? std::optional(offset) : std::nullopt;
}

// The place on the stack whose word the conditional jump at `node` tests for zero, by the
// instruction before it.
std::optional<int32_t> TestedPlace(const ControlFlow& flow, size_t node) {
  const elf::Instruction& jump = flow.at(node);
  if (jump.flow != elf::Flow::kConditional || !ZeroTestOf(jump.architecture, jump.bytes) ||
      node == 0 || flow.predecessors(node) != std::vector<size_t>{node - 1}) {
    return std::nullopt;
  }
  const elf::Instruction& before = flow.at(node - 1);
  if (jump.architecture == elf::Architecture::kArm64) {
    const auto condition = elf::ConditionOf(jump.architecture, jump.bytes);
    constexpr uint8_t kWholeRegister = 64;
    if (!condition || condition->test != elf::JumpCondition::Test::kRegister ||
        condition->bit_count != kWholeRegister) {
      return std::nullopt;
    }
    return Arm64LoadFromStack(before, condition->register_number);
  }
  return ComparedPlace(before);
}

// Whether all ways from the entry to a return lead over `node`.
bool IsOnEachWay(const ControlFlow& flow, size_t node) {
  const NodeSet without =
      flow.ReachableFrom({0}, [node](ControlFlow::Edge edge) { return edge.to == node; });
  const std::vector<size_t> returns = flow.Returns();
  const NodeSet reached = flow.ReachableFrom({0});
  return reached[node] && std::none_of(returns.begin(), returns.end(),
                                       [&without](size_t end) { return without[end]; });
}

const Site* SiteIn(const Profile& profile, SiteKind kind, std::string_view function) {
  const auto found = std::find_if(
      profile.sites.begin(), profile.sites.end(),
      [&](const Site& site) { return site.kind == kind && site.function == function; });
  return found == profile.sites.end() ? nullptr : &*found;
}

}  // namespace

bool IsHandlerSite(SiteKind kind) {
  return kind == SiteKind::kServerHandler || kind == SiteKind::kServerRedirect ||
         kind == SiteKind::kServeMuxCall || kind == SiteKind::kHandlerFunc ||
         kind == SiteKind::kEchoHandler || kind == SiteKind::kOwnHandler;
}

bool HandlerSiteLiesIn(SiteKind kind, std::string_view function) {
  switch (kind) {
    case SiteKind::kServerHandler:
      return function == kServe || function == kLookup;
    case SiteKind::kServerRedirect:
      return function == kFind;
    case SiteKind::kServeMuxCall:
      return function == kServe;
    case SiteKind::kHandlerFunc:
      return function == kFunc;
    case SiteKind::kOwnHandler:
      return function == kHandlerFunction;
    case SiteKind::kEchoHandler:
      return std::find(kEchoHandlers.begin(), kEchoHandlers.end(), function) != kEchoHandlers.end();
    default:
      return false;
  }
}

std::vector<ArgumentLocation> HandlerArguments(std::string_view function, CallAbi abi) {
  if (function == kServe) return ArgumentsOf(SiteKind::kServerHandler, abi);
  ArgumentLocation saved;
  saved.name = kSavedHandler;
  saved.kind = ArgumentLocation::Kind::kStack;
  return {saved};
}

std::vector<SitePlan> PlanFoundHandler(const ControlFlow& flow, CallAbi abi) {
  std::vector<SitePlan> plans;
  for (const char* callee : kFindHandlers) {
    for (const size_t call : flow.CallsTo(callee)) {
      const std::optional<size_t> node = EmulatedBehind(flow, call, abi);
      if (!node) return {};  // some requests would be told, and others not
      plans.push_back(
          {SiteKind::kServerHandler, *node, false, HandlerArguments(flow.function(), abi)});
    }
  }
  return plans;
}

// `if h == nil { h, pattern = NotFoundHandler(), "" }` is the last before the return, and what the
// matches have found has been tested in the same way before. The result is kept on the stack,
// because a function is deferred.
std::vector<SitePlan> PlanLookedUpHandler(const ControlFlow& flow, CallAbi abi) {
  std::map<int32_t, std::vector<size_t>> tests;  // by place, in the order of the code
  for (size_t node = 0; node < flow.size(); ++node) {
    const std::optional<int32_t> place = TestedPlace(flow, node);
    if (place && IsOnEachWay(flow, node)) tests[*place].push_back(node);
  }
  for (const auto& test : tests) {
    const std::vector<size_t>& nodes = test.second;
    const auto last = std::find_if(nodes.begin(), nodes.end(), [&flow, &nodes](size_t node) {
      const NodeSet later = flow.ReachableFrom(flow.successors(node));
      return std::none_of(nodes.begin(), nodes.end(),
                          [&later](size_t other) { return later[other]; });
    });
    if (nodes.size() < 2 || last == nodes.end()) continue;
    std::vector<ArgumentLocation> arguments = HandlerArguments(flow.function(), abi);
    arguments.front().stack_offset = test.first;
    return {{SiteKind::kServerHandler, *last, false, std::move(arguments)}};
  }
  return {};
}

absl::StatusOr<std::vector<Site>> FindHandlerSites(const elf::ElfFile& file,
                                                   const elf::GoFunctions& functions, CallAbi abi) {
  const auto add = [&](std::string_view name, auto plan, std::vector<Site>* sites) {
    return AddHandlerSitesIn(file, functions, abi, name, plan, sites);
  };
  std::vector<Site> sites;
  RETURN_IF_ERROR(add(
      kServe, [abi](const ControlFlow& flow) { return PlanFoundHandler(flow, abi); }, &sites));
  if (sites.empty()) {
    RETURN_IF_ERROR(add(
        kLookup, [abi](const ControlFlow& flow) { return PlanLookedUpHandler(flow, abi); },
        &sites));
    const auto calls = [abi](const ControlFlow& flow) {
      return PlanHandlerCalls(flow, std::string(kFind), SiteKind::kServeMuxCall, abi);
    };
    RETURN_IF_ERROR(add(kServe, calls, &sites));
    const auto redirects = [abi](const ControlFlow& flow) {
      return PlanHandlerCalls(flow, kUrlString, SiteKind::kServerRedirect, abi);
    };
    RETURN_IF_ERROR(add(kFind, redirects, &sites));
  }
  const auto entry = [abi](SiteKind kind) {
    return [abi, kind](const ControlFlow& flow) { return PlanEntry(flow, kind, abi); };
  };
  RETURN_IF_ERROR(add(kFunc, entry(SiteKind::kHandlerFunc), &sites));
  RETURN_IF_ERROR(add(kHandlerFunction, entry(SiteKind::kOwnHandler), &sites));
  for (const std::string_view name : kEchoHandlers) {
    RETURN_IF_ERROR(add(name, entry(SiteKind::kEchoHandler), &sites));
  }
  return sites;
}

bool KnowsHandlers(const Profile& profile) {
  if (SiteIn(profile, SiteKind::kHandlerFunc, kFunc) == nullptr) return false;
  if (SiteIn(profile, SiteKind::kServerHandler, kServe) != nullptr) return true;
  return SiteIn(profile, SiteKind::kServerHandler, kLookup) != nullptr &&
         SiteIn(profile, SiteKind::kServeMuxCall, kServe) != nullptr &&
         SiteIn(profile, SiteKind::kServerRedirect, kFind) != nullptr;
}

std::optional<std::string> HandlerFlaw(const Profile& profile) {
  constexpr int32_t kMaxOffset = UP_COOKIE_HANDLER_WORD_MASK * kBytesOfWord;
  const auto count = [&profile](SiteKind kind) {
    return std::count_if(profile.sites.begin(), profile.sites.end(),
                         [kind](const Site& site) { return site.kind == kind; });
  };
  if (count(SiteKind::kServeMuxCall) > 1 || count(SiteKind::kHandlerFunc) > 1 ||
      count(SiteKind::kOwnHandler) > 1) {
    return "the sites of a server's handlers have one of a kind twice";
  }
  const bool far = std::any_of(profile.sites.begin(), profile.sites.end(), [](const Site& site) {
    return (site.kind == SiteKind::kServerHandler || site.kind == SiteKind::kHttp2ServerStart) &&
           std::any_of(site.arguments.begin(), site.arguments.end(),
                       [](const ArgumentLocation& argument) {
                         return IsSaved(argument) && argument.stack_offset > kMaxOffset;
                       });
  });
  if (far) return "a server's handler is further up the stack than the kernel side reads";
  return std::nullopt;
}

std::optional<uint8_t> PlaceOf(const Site& site) {
  const Http2Names* names = FindHttp2Names(site.function);
  const Router* router = FindRouter(site.function);
  switch (site.kind) {
    case SiteKind::kServerStart:
      return UP_PLACE_SERVER;
    case SiteKind::kServerHandler:
      return site.function == kServe ? UP_PLACE_MUX_SERVE : UP_PLACE_MUX_LOOKUP;
    case SiteKind::kServerRedirect:
      return UP_PLACE_MUX_FIND;
    case SiteKind::kHttp2ServerStart:
      if (names == nullptr) return std::nullopt;
      return static_cast<uint8_t>(UP_PLACE_HTTP2 + names->implementation);
    case SiteKind::kServerRoute:
      if (router == nullptr) return std::nullopt;
      return static_cast<uint8_t>(UP_PLACE_ROUTER + router->number);
    default:
      return std::nullopt;
  }
}

}  // namespace uprobed::profile
