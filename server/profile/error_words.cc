#include "server/profile/error_words.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "bpf/abi/site_cookie.h"
#include "server/profile/call_results.h"
#include "server/profile/coverage.h"
#include "server/profile/jump_conditions.h"
#include "server/profile/operands.h"
#include "server/profile/symbolic.h"
#include "server/profile/word_holders.h"

namespace uprobed::profile {
namespace {

// Returns (*persistConn, error).
constexpr const char* kConnectFunction = "net/http.(*Transport).getConn";

// On the stack: behind the receiver, the request and the six words of connectMethod, and the first
// result.
constexpr int32_t kTypeOnStack = 72;
constexpr int32_t kDataOnStack = 80;

constexpr int32_t kMaxStackWord = UP_COOKIE_WORD_MASK - UP_WORD_STACK;

// The two words behind the call.
struct ErrorHolders {
  WordHolders type;
  WordHolders data;
};

ErrorHolders BehindCall(CallAbi abi) {
  using elf::Architecture;
  switch (abi) {
    case CallAbi::kAmd64Registers:
      return {WordHolders(Architecture::kAmd64, {kRbx}, {}),
              WordHolders(Architecture::kAmd64, {kRcx}, {})};
    case CallAbi::kArm64Registers:
      return {WordHolders(Architecture::kArm64, {1}, {}),
              WordHolders(Architecture::kArm64, {2}, {})};
    case CallAbi::kAmd64Stack:
      break;
  }
  return {WordHolders(Architecture::kAmd64, {}, {kTypeOnStack}),
          WordHolders(Architecture::kAmd64, {}, {kDataOnStack})};
}

// Whether `jump` asks whether the error is nil, `before` being the instruction before it.
bool TestsError(const elf::Instruction& before, const elf::Instruction& jump,
                const WordHolders& type, CallAbi abi) {
  if (!ZeroTestOf(jump.architecture, jump.bytes)) return false;
  if (abi == CallAbi::kArm64Registers) {
    return type.Has(elf::ConditionOf(jump.architecture, jump.bytes)->register_number);
  }
  const std::optional<RegisterNumber> tested = TestedForZero(before);
  if (tested) return type.Has(*tested);
  return abi == CallAbi::kAmd64Stack && ComparesStackWordWithZero(before, kTypeOnStack);
}

std::optional<ArgumentLocation> AnyOf(const WordHolders& holders, elf::Architecture architecture,
                                      std::string_view name) {
  ArgumentLocation location;
  location.name = std::string(name);
  if (!holders.registers().empty()) {
    location.register_name = RegisterName(architecture, *holders.registers().begin());
    return location;
  }
  if (holders.offsets().empty()) return std::nullopt;
  location.kind = ArgumentLocation::Kind::kStack;
  location.stack_offset = *holders.offsets().begin();
  return location;
}

std::vector<ArgumentLocation> ErrorBehind(const ControlFlow& flow, size_t call, size_t site,
                                          CallAbi abi) {
  ErrorHolders holders = BehindCall(abi);
  bool tested = false;
  size_t before = call;
  // Twice: up to the test and behind it.
  for (int step = 0; step < 2 * kMaxStraightLine && !flow.successors(before).empty(); ++step) {
    const bool jumps = flow.at(before).flow == elf::Flow::kConditional;
    const size_t next = jumps ? flow.Taken(before) == NoErrorSide(flow, before)
                                    ? flow.FallThrough(before)
                                    : flow.Taken(before)
                              : flow.successors(before).front();
    const elf::Instruction& instruction = flow.at(next);
    // Another way to here may bring another error.
    if (tested && flow.predecessors(next).size() != 1) return {};
    if (next == site) {
      if (!tested) return {};
      const auto type = AnyOf(holders.type, instruction.architecture, kErrorType);
      const auto data = AnyOf(holders.data, instruction.architecture, kErrorData);
      if (!type || !data) return {};
      std::vector<ArgumentLocation> words = {*type, *data};
      return AreErrorWords(instruction.architecture, words) ? words
                                                            : std::vector<ArgumentLocation>();
    }
    if (instruction.flow == elf::Flow::kConditional) {
      if (tested || !TestsError(flow.at(before), instruction, holders.type, abi)) return {};
      tested = true;
    } else if (instruction.flow == elf::Flow::kCall) {
      return {};
    }
    holders.type.Pass(instruction);
    holders.data.Pass(instruction);
    before = next;
  }
  return {};
}

}  // namespace

std::vector<ArgumentLocation> ErrorOfConnection(const ControlFlow& flow, size_t site, CallAbi abi) {
  for (const size_t call : flow.CallsTo(kConnectFunction)) {
    std::vector<ArgumentLocation> words = ErrorBehind(flow, call, site, abi);
    if (!words.empty()) return words;
  }
  return {};
}

bool AreErrorWords(elf::Architecture architecture, const std::vector<ArgumentLocation>& arguments) {
  if (arguments.empty()) return true;
  if (arguments.size() != 2 || arguments[0].name != kErrorType || arguments[1].name != kErrorData) {
    return false;
  }
  return std::all_of(arguments.begin(), arguments.end(), [=](const ArgumentLocation& word) {
    if (word.kind == ArgumentLocation::Kind::kRegister) {
      return word.stack_offset == 0 && RegisterFromName(architecture, word.register_name);
    }
    return word.register_name.empty() && word.stack_offset >= 0 &&
           word.stack_offset % kWordBytes == 0 && word.stack_offset / kWordBytes <= kMaxStackWord;
  });
}

}  // namespace uprobed::profile
