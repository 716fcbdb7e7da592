#include "server/profile/runtime_sites.h"

#include <algorithm>
#include <set>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/profile/call_results.h"
#include "server/profile/prologue.h"
#include "server/profile/site_code.h"
#include "server/profile/word_holders.h"

namespace uprobed::profile {
namespace {

constexpr std::string_view kNewGoroutine = "runtime.newproc1";
constexpr std::string_view kAfterFunc = "time.AfterFunc";
constexpr std::string_view kStopTimer = "time.stopTimer";
constexpr std::string_view kSend = "runtime.chansend";
constexpr std::string_view kReceive = "runtime.chanrecv";
constexpr std::string_view kClose = "runtime.closechan";
constexpr std::string_view kSelect = "runtime.selectgo";
// The functions without a name in it, two of which unlock the channels for runtime.send and
// runtime.recv.
constexpr std::string_view kSelectUnlockers = "runtime.selectgo.func";
constexpr int kMaxSelectUnlockers = 4;

// What a site is: a call of `callee`, if not empty behind a call of `after` or where one of
// `before` may come next, none between them.
struct CallRule {
  SiteKind kind;
  std::string_view function;
  std::string_view callee;
  std::string_view after;
  std::string_view before = {};
};

constexpr CallRule kRules[] = {
    // Once in each newproc1, when the goroutine is complete and before it can run. newcoro comes
    // here, too, which hands goroutines out that no go statement starts.
    {SiteKind::kGoroutineStart, kNewGoroutine, "runtime.isSystemGoroutine", ""},
    {SiteKind::kChannelSend, kSend, "runtime.unlock2", "runtime.typedmemmove"},
    {SiteKind::kChannelSendDirect, kSend, "runtime.send", ""},
    {SiteKind::kChannelReceive, kReceive, "runtime.unlock2", "runtime.typedmemclr"},
    {SiteKind::kChannelReceiveDirect, kReceive, "runtime.recv", ""},
    {SiteKind::kChannelSendDirect, kSelect, "runtime.send", ""},
    {SiteKind::kSelectReceiveDirect, kSelect, "runtime.recv", ""},
    {SiteKind::kSelectDone, kSelect, "runtime.selunlock", "runtime.typedmemclr"},
    {SiteKind::kSelectDone, kSelectUnlockers, "runtime.selunlock", ""},
    // A receive that finds the channel closed and empty clears the program's variable.
    {SiteKind::kSelectDone, kSelect, "runtime.selunlock", "", "runtime.typedmemclr"},
    {SiteKind::kChannelClose, kReceive, "runtime.unlock2", "", "runtime.typedmemclr"},
    {SiteKind::kChannelClose, kClose, "runtime.lock2", ""},
};

bool IsUnlocker(std::string_view function) { return function.starts_with(kSelectUnlockers); }

bool Governs(const CallRule& rule, std::string_view function) {
  return rule.function == function || (rule.function == kSelectUnlockers && IsUnlocker(function));
}

// The calls that control comes to next behind `node`. What the compiler puts in for the collector
// is none of the source's.
std::set<size_t> NextCalls(const ControlFlow& flow, size_t node) {
  std::set<size_t> calls;
  const auto ends = [&flow](size_t at) {
    const std::string& callee = flow.CalleeName(at);
    return !callee.empty() && !callee.starts_with("runtime.gcWriteBarrier");
  };
  const NodeSet reached = flow.ReachableFrom(
      flow.successors(node), [&](ControlFlow::Edge edge) { return ends(edge.from); });
  for (size_t at = 0; at < flow.size(); ++at) {
    if (reached[at] && ends(at)) calls.insert(at);
  }
  return calls;
}

// The calls that a rule is about.
std::vector<size_t> CallsOfRule(const ControlFlow& flow, const CallRule& rule) {
  std::vector<size_t> calls = flow.CallsTo(std::string(rule.callee));
  if (!rule.after.empty()) {
    std::set<size_t> behind;
    for (const size_t call : flow.CallsTo(std::string(rule.after))) {
      behind.merge(NextCalls(flow, call));
    }
    std::erase_if(calls, [&behind](size_t call) { return !behind.contains(call); });
  }
  if (!rule.before.empty()) {
    std::erase_if(calls, [&](size_t call) {
      const std::set<size_t> next = NextCalls(flow, call);
      return std::none_of(next.begin(), next.end(),
                          [&](size_t node) { return flow.CalleeName(node) == rule.before; });
    });
  }
  return calls;
}

absl::Status RuntimeNotFound(const ControlFlow& flow, std::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND",
                   fmt::format("{} {}; please report the Go version and how the program was built",
                               flow.function(), what));
}

// The calls of `callee` behind which runtime.selunlock comes next, and nothing else.
std::vector<size_t> CallsBeforeUnlock(const ControlFlow& flow, std::string_view callee,
                                      std::string_view next_callee) {
  std::vector<size_t> found;
  for (const size_t call : flow.CallsTo(std::string(callee))) {
    const std::set<size_t> next = NextCalls(flow, call);
    const bool all = !next.empty() && std::all_of(next.begin(), next.end(), [&](size_t node) {
      return flow.CalleeName(node) == next_callee;
    });
    if (all) found.push_back(call);
  }
  return found;
}

// In runtime.selectgo a copy before selunlock is one into a buffer, and typedmemclr there clears
// the place in the buffer that was copied out of; one behind selunlock clears the program's
// variable.
absl::Status PlanSelectCopies(const ControlFlow& flow, CallAbi abi, std::vector<SitePlan>* plans) {
  struct Copy {
    SiteKind kind;
    std::string_view callee;
  };
  for (const Copy& copy : {Copy{SiteKind::kSelectSend, "runtime.typedmemmove"},
                           Copy{SiteKind::kSelectReceive, "runtime.typedmemclr"}}) {
    const std::vector<size_t> calls = CallsBeforeUnlock(flow, copy.callee, "runtime.selunlock");
    if (calls.size() != 1) {
      return RuntimeNotFound(flow, fmt::format("calls {} {} times before it unlocks, not once",
                                               copy.callee, calls.size()));
    }
    plans->push_back({copy.kind, calls.front(), false, ArgumentsOf(copy.kind, abi)});
  }
  return absl::OkStatus();
}

// runtime/chan.go, hchan.closed, in every release.
constexpr uint8_t kClosedOffset = 28;

// The register with the channel, where `instruction` asks whether it is closed: `cmpl $0,
// closed(r)` (Intel SDM volume 2, CMP: 83 /7 ib, with a displacement of 8 bits) or `ldr w, [x,
// #closed]` (Arm ARM, LDR immediate, unsigned offset).
std::optional<RegisterNumber> ChannelAskedForClosed(const elf::Instruction& instruction) {
  std::vector<uint8_t> bytes = instruction.bytes;
  if (instruction.architecture == elf::Architecture::kArm64) {
    if (bytes.size() != 4) return std::nullopt;
    const uint32_t word = uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 |
                          uint32_t{bytes[3]} << 24;
    if ((word & 0xffc00000) != 0xb9400000 || (word >> 10 & 0xfff) * 4 != kClosedOffset) {
      return std::nullopt;
    }
    return static_cast<int>(word >> 5 & 0x1f);
  }
  const bool high = bytes.size() == 5 && bytes[0] == 0x41;
  if (high) bytes.erase(bytes.begin());
  if (bytes.size() != 4 || bytes[0] != 0x83 || (bytes[1] & 0xf8) != 0x78 || (bytes[1] & 7) == 4 ||
      bytes[2] != kClosedOffset || bytes[3] != 0) {
    return std::nullopt;
  }
  return (bytes[1] & 7) + (high ? 8 : 0);
}

// In runtime.closechan the jump that asks, right behind the lock, whether the channel is closed
// already. At the call of the lock somebody else may still begin to wait.
absl::StatusOr<SitePlan> PlanClose(const ControlFlow& flow, size_t lock) {
  std::optional<RegisterNumber> channel;
  size_t node = lock;
  for (int step = 0; step < kMaxStraightLine && flow.successors(node).size() == 1; ++step) {
    node = flow.successors(node).front();
    const elf::Instruction& instruction = flow.at(node);
    if (instruction.flow == elf::Flow::kConditional && channel) {
      ArgumentLocation location;
      location.name = "channel";
      location.register_name = RegisterName(instruction.architecture, *channel);
      return SitePlan{SiteKind::kChannelClose, node, false, {location}};
    }
    if (const auto asked = ChannelAskedForClosed(instruction)) channel = asked;
  }
  return RuntimeNotFound(flow, "does not ask right behind the lock whether the channel is closed");
}

absl::Status AddPlanned(const elf::ElfFile& file, const ControlFlow& flow, CallAbi abi,
                        std::vector<Site>* sites) {
  ASSIGN_OR_RETURN(const std::vector<SitePlan> plans, PlanRuntimeSites(flow, abi));
  ASSIGN_OR_RETURN(const std::vector<Site> made, MakeSites(file, flow, plans));
  sites->insert(sites->end(), made.begin(), made.end());
  return absl::OkStatus();
}

}  // namespace

bool IsCloseOfChannel(const Site& site) {
  return site.kind == SiteKind::kChannelClose && site.function == kClose;
}

bool IsRuntimeSite(SiteKind kind) {
  const Instrumentation instrumentation = InstrumentationOf(kind);
  return instrumentation == Instrumentation::kGoroutines ||
         instrumentation == Instrumentation::kChannels;
}

bool RuntimeSiteLiesIn(SiteKind kind, std::string_view function) {
  switch (kind) {
    case SiteKind::kTimerStart:
      return function == kAfterFunc;
    case SiteKind::kTimerStop:
      return function == kStopTimer;
    case SiteKind::kSelectSend:
    case SiteKind::kSelectReceive:
      return function == kSelect;
    default:
      return std::any_of(std::begin(kRules), std::end(kRules), [&](const CallRule& rule) {
        return rule.kind == kind && Governs(rule, function);
      });
  }
}

absl::StatusOr<std::vector<SitePlan>> PlanRuntimeSites(const ControlFlow& flow, CallAbi abi) {
  std::vector<SitePlan> plans;
  for (const SiteKind kind : {SiteKind::kTimerStart, SiteKind::kTimerStop}) {
    if (!RuntimeSiteLiesIn(kind, flow.function())) continue;
    const std::optional<size_t> node = NodeInPrologue(flow, abi);
    if (!node) return RuntimeNotFound(flow, "does not begin with a stack check");
    plans.push_back({kind, *node, false, ArgumentsOf(kind, abi)});
  }
  for (const CallRule& rule : kRules) {
    if (!Governs(rule, flow.function())) continue;
    const std::vector<size_t> calls = CallsOfRule(flow, rule);
    // One in each release; another would be of what is not known.
    if (calls.size() != 1) {
      return RuntimeNotFound(flow, fmt::format("calls {} {} times where once is understood",
                                               rule.callee, calls.size()));
    }
    if (flow.function() == kClose) {
      ASSIGN_OR_RETURN(const SitePlan close, PlanClose(flow, calls.front()));
      plans.push_back(close);
      continue;
    }
    plans.push_back({rule.kind, calls.front(), false, ArgumentsOf(rule.kind, abi)});
  }
  if (flow.function() == kSelect) RETURN_IF_ERROR(PlanSelectCopies(flow, abi, &plans));
  return plans;
}

absl::StatusOr<std::vector<Site>> FindGoroutineSites(const elf::ElfFile& file,
                                                     const elf::GoFunctions& functions,
                                                     CallAbi abi) {
  std::vector<Site> sites;
  ASSIGN_OR_RETURN(const ControlFlow creation, ReadFunction(file, functions, kNewGoroutine));
  RETURN_IF_ERROR(AddPlanned(file, creation, abi, &sites));
  if (functions.Find(kAfterFunc).empty()) return sites;
  for (const std::string_view name : {kAfterFunc, kStopTimer}) {
    // Who never stops a timer has no stopTimer.
    if (functions.Find(name).empty()) continue;
    ASSIGN_OR_RETURN(const ControlFlow flow, ReadFunction(file, functions, name));
    RETURN_IF_ERROR(AddPlanned(file, flow, abi, &sites));
  }
  return sites;
}

absl::StatusOr<std::vector<Site>> FindChannelSites(const elf::ElfFile& file,
                                                   const elf::GoFunctions& functions, CallAbi abi) {
  std::vector<Site> sites;
  for (const std::string_view name : {kSend, kReceive, kSelect, kClose}) {
    ASSIGN_OR_RETURN(const ControlFlow flow, ReadFunction(file, functions, name));
    RETURN_IF_ERROR(AddPlanned(file, flow, abi, &sites));
  }
  int unlockers = 0;
  for (int i = 1; i <= kMaxSelectUnlockers; ++i) {
    const std::string name = fmt::format("{}{}", kSelectUnlockers, i);
    if (functions.Find(name).empty()) continue;
    ASSIGN_OR_RETURN(const ControlFlow flow, ReadFunction(file, functions, name));
    if (flow.CallsTo("runtime.selunlock").empty()) continue;
    RETURN_IF_ERROR(AddPlanned(file, flow, abi, &sites));
    ++unlockers;
  }
  if (unlockers == 2) return sites;
  return MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND",
                   fmt::format("{} has {} functions that unlock its channels, not 2; please report "
                               "the Go version and how the program was built",
                               kSelect, unlockers));
}

std::optional<std::string> RuntimeFlaw(const Profile& profile) {
  std::set<SiteKind> kinds;
  for (const Site& site : profile.sites) kinds.insert(site.kind);
  const auto lacks = [&kinds](SiteKind kind) { return !kinds.contains(kind); };
  if (profile.Has(Instrumentation::kGoroutines) && lacks(SiteKind::kGoroutineStart)) {
    return "the sites of goroutines lack their start";
  }
  if (!profile.Has(Instrumentation::kChannels)) return std::nullopt;
  for (const SiteKind kind :
       {SiteKind::kGoroutineStart, SiteKind::kSelectSend, SiteKind::kSelectReceive}) {
    if (lacks(kind)) return fmt::format("the sites of channels lack one of {}", Name(kind));
  }
  for (const CallRule& rule : kRules) {
    if (lacks(rule.kind)) {
      return fmt::format("the sites of channels lack one of {}", Name(rule.kind));
    }
  }
  return std::nullopt;
}

}  // namespace uprobed::profile
