#include "server/profile/interpreter.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace uprobed::profile {
namespace {

// How far behind a comparison its jcc or setcc may stand.
constexpr size_t kMaxConditionDistance = 4;
// No pointer of interest goes further; sums of such are far from an overflow.
constexpr int64_t kMaxDistance = int64_t{1} << 40;
// What a closure or an interface's method has of arguments and results on the stack, at most, in
// the functions that are read: net.Conn.SetReadDeadline has 6 words, http.RoundTripper.RoundTrip 5
// (Go 1.15 and 1.16, the last versions with this ABI).
constexpr int64_t kIndirectStackBytes = kAbiWords * kWordBytes;

// What a sum may be of: sums of sums would grow without end, and tell nothing.
bool IsPlain(const Term& term) {
  return term.kind == Term::Kind::kArgument || term.kind == Term::Kind::kResult ||
         term.kind == Term::Kind::kLoad;
}

}  // namespace

Interpreter::Interpreter(const std::vector<elf::Instruction>& instructions, const Callees& callees,
                         Behaviour* behaviour)
    : instructions_(instructions), callees_(callees), behaviour_(*behaviour) {
  parsed_.reserve(instructions.size());
  for (const elf::Instruction& instruction : instructions) {
    parsed_.push_back(ParseText(instruction.text));
  }
}

void Interpreter::Run(size_t node, MachineState& state, bool record) {
  const ParsedText& text = parsed_[node];
  record_ = record;
  if (instructions_[node].flow == elf::Flow::kCall) {
    RunCall(node, state);
  } else if (instructions_[node].flow == elf::Flow::kNext && !IsNop(text)) {
    if (RecordComparison(node, state)) return;
    if (!RunMove(text, state) && !RunArithmetic(text, state)) RunOther(node, state);
  }
}

TermId Interpreter::Constant(int64_t number) {
  return terms().Intern({.kind = Term::Kind::kConstant, .number = number});
}

bool Interpreter::IsNop(const ParsedText& text) {
  const bool same = text.operands.size() == 2 && text.operands[0] == text.operands[1];
  return text.mnemonic == "nop" || (text.mnemonic == "xchg" && same);
}

void Interpreter::Write(MachineState& state, const Operand& to, int width, TermId value) {
  if (to.kind == Operand::Kind::kRegister) {
    // A write of 4 bytes clears the others; a shorter one keeps them.
    state.SetRegister(to.register_number, width >= 4 ? value : kUnknownTerm);
  } else if (to.kind == Operand::Kind::kMemory) {
    const Place place = state.PlaceOf(terms(), to);
    WriteMemory(state, place, width, value);
    if (record_ && !place.on_stack && place.exact && place.base != kUnknownTerm) {
      behaviour_.stores.push_back({place.base, place.offset, value, width});
    }
  }
}

void Interpreter::WriteMemory(MachineState& state, const Place& place, int width, TermId value) {
  if (place.on_stack) {
    state.Store(place, width, value);
  } else if (state.Register(kRsp) == kUnknownTerm) {
    state.ForgetStack();
  } else if (terms().at(place.base).kind != Term::Kind::kArgument) {
    // What came from elsewhere may point to a local whose address was taken.
    state.ForgetTakenSlots();
  }
}

bool Interpreter::RecordComparison(size_t node, const MachineState& state) {
  const ParsedText& text = parsed_[node];
  const bool test = text.mnemonic == "test";
  if (text.operands.size() != 2 || (text.mnemonic != "cmp" && !test)) return false;
  const Operand& left = text.operands[0];
  const Operand& right = text.operands[1];
  if (!record_ || (test && !(left == right))) return true;
  Comparison comparison;
  comparison.width = left.width;
  comparison.value = state.Value(terms(), left, left.width);
  const TermId against = test ? Constant(0) : state.Value(terms(), right, left.width);
  if (terms().at(against).kind != Term::Kind::kConstant) return true;
  comparison.constant = terms().at(against).number;
  comparison.condition = ConditionBehind(node);
  if (comparison.value != kUnknownTerm) behaviour_.comparisons.push_back(std::move(comparison));
  return true;
}

std::string Interpreter::ConditionBehind(size_t node) const {
  const size_t end = std::min(parsed_.size(), node + 1 + kMaxConditionDistance);
  for (size_t next = node + 1; next < end; ++next) {
    const std::string& mnemonic = parsed_[next].mnemonic;
    if (instructions_[next].flow == elf::Flow::kConditional) return mnemonic.substr(1);
    if (mnemonic.starts_with("set")) return mnemonic.substr(3);
    if (mnemonic.starts_with("cmov")) return mnemonic.substr(4);
  }
  return "";
}

bool Interpreter::RunMove(const ParsedText& text, MachineState& state) {
  if (text.operands.size() != 2) return false;
  const Operand& to = text.operands[0];
  const Operand& from = text.operands[1];
  if (text.mnemonic == "lea") {
    const Place place = state.PlaceOf(terms(), from);
    if (to.register_number != kRbp) state.TakeAddress(terms(), place);
    Write(state, to, to.width,
          to.width == kWordBytes ? state.AddressOf(terms(), place) : kUnknownTerm);
    return true;
  }
  if (text.mnemonic == "movzx") {
    Write(state, to, to.width, state.Value(terms(), from, from.width));
    return true;
  }
  if (text.mnemonic != "mov" && text.mnemonic != "movabs") return false;
  const TermId value = state.Value(terms(), from, to.width);
  if (to.kind != Operand::Kind::kRegister || to.register_number != kRbp) {
    const Term& term = terms().at(value);
    if (term.kind == Term::Kind::kStack) {
      state.TakeAddress(terms(), {.on_stack = true, .offset = term.number});
    }
  }
  Write(state, to, to.width, value);
  return true;
}

bool Interpreter::RunArithmetic(const ParsedText& text, MachineState& state) {
  if (text.operands.empty()) return false;
  const Operand& to = text.operands[0];
  if (text.mnemonic == "push") {
    const TermId value = state.Value(terms(), to, kWordBytes);
    MovePointer(state, -kWordBytes);
    const Place top = TopOfStack(state);
    WriteMemory(state, top, kWordBytes, value);
    return true;
  }
  if (text.mnemonic == "pop") {
    Write(state, to, kWordBytes, state.Load(terms(), TopOfStack(state), kWordBytes));
    MovePointer(state, kWordBytes);
    return true;
  }
  if (to.width != kWordBytes && text.mnemonic != "xor") return false;
  if (text.mnemonic == "inc" || text.mnemonic == "dec") {
    const int64_t step = text.mnemonic == "inc" ? 1 : -1;
    Write(state, to, kWordBytes, Added(state.Value(terms(), to, kWordBytes), Constant(step)));
    return true;
  }
  if (text.operands.size() != 2) return false;
  const Operand& from = text.operands[1];
  if (text.mnemonic == "xor" && to == from && to.width >= 4) {
    Write(state, to, to.width, Constant(0));
    return true;
  }
  if (text.mnemonic == "sub" && from.kind == Operand::Kind::kImmediate) {
    Write(state, to, kWordBytes,
          Added(state.Value(terms(), to, kWordBytes), Constant(-from.number)));
    return true;
  }
  if (text.mnemonic != "add") return false;
  Write(state, to, kWordBytes,
        Added(state.Value(terms(), to, kWordBytes), state.Value(terms(), from, kWordBytes)));
  return true;
}

TermId Interpreter::Added(TermId a, TermId b) {
  if (a == kUnknownTerm || b == kUnknownTerm) return kUnknownTerm;
  if (terms().at(a).kind == Term::Kind::kConstant) std::swap(a, b);
  const Term left = terms().at(a);
  const Term right = terms().at(b);
  if (right.kind != Term::Kind::kConstant) {
    if (!IsPlain(left) || !IsPlain(right)) return kUnknownTerm;
    return terms().Intern(
        {.kind = Term::Kind::kSum, .base = std::min(a, b), .other = std::max(a, b)});
  }
  const auto sum = static_cast<int64_t>(static_cast<uint64_t>(left.number) +
                                        static_cast<uint64_t>(right.number));
  if (left.kind == Term::Kind::kConstant) return Constant(sum);
  if (right.number < -kMaxDistance || right.number > kMaxDistance) return kUnknownTerm;
  if (left.kind != Term::Kind::kStack && left.kind != Term::Kind::kOffset) {
    return terms().Intern({.kind = Term::Kind::kOffset, .base = a, .number = right.number});
  }
  if (sum < -kMaxDistance || sum > kMaxDistance) return kUnknownTerm;
  Term moved = left;
  moved.number = sum;
  return terms().Intern(moved);
}

Place Interpreter::TopOfStack(const MachineState& state) {
  const Term& top = terms().at(state.Register(kRsp));
  const bool known = top.kind == Term::Kind::kStack;
  return {.on_stack = known, .exact = known, .offset = top.number};
}

void Interpreter::MovePointer(MachineState& state, int64_t bytes) {
  state.SetRegister(kRsp, Added(state.Register(kRsp), Constant(bytes)));
}

void Interpreter::RunCall(size_t node, MachineState& state) {
  const elf::Instruction& instruction = instructions_[node];
  const std::string callee =
      instruction.target ? callees_.name_at(*instruction.target).value_or("") : "";
  // The write barrier keeps all registers, whatever it is called in a version
  // (runtime/asm_amd64.s: gcWriteBarrier, gcWriteBarrierCX, gcWriteBarrier2); its result in r11 is
  // not followed.
  if (callee.starts_with("runtime.gcWriteBarrier")) {
    state.SetRegister(AbiRegister(kAbiWords - 1), kUnknownTerm);
    return;
  }
  if (record_) {
    Call call{.site = node, .callee = callee, .indirect = !instruction.target};
    for (size_t word = 0; word < kAbiWords; ++word) {
      call.arguments[word] = ArgumentOfCall(state, word);
    }
    behaviour_.calls.push_back(std::move(call));
  }
  // runtime.duffcopy and duffzero are also called in their middle, where no function begins; they
  // have nothing on the stack.
  const bool duff = callee.starts_with("runtime.duff") || (instruction.target && callee.empty());
  if (duff) ForgetBehindRdi(state);
  state.ForgetTakenSlots();
  state.ForgetBelow(TopOfStack(state).offset);
  if (callees_.passing == Passing::kOnStack) {
    if (!duff) ForgetStackOverCall(node, state);
    state.ForgetRegistersOverCall();
    return;
  }
  state.ForgetRegistersOverCall();
  for (size_t word = 0; word < kAbiWords; ++word) {
    state.SetRegister(AbiRegister(word), ResultOf(node, word));
  }
}

TermId Interpreter::ResultOf(size_t node, size_t word) {
  return terms().Intern(
      {.kind = Term::Kind::kResult, .number = static_cast<int64_t>(word), .site = node});
}

TermId Interpreter::ArgumentOfCall(const MachineState& state, size_t word) {
  if (callees_.passing == Passing::kInRegisters) return state.Register(AbiRegister(word));
  Place place = TopOfStack(state);
  place.offset += kWordBytes * static_cast<int64_t>(word);
  return state.Load(terms(), place, kWordBytes);
}

void Interpreter::ForgetStackOverCall(size_t node, MachineState& state) {
  const Place top = TopOfStack(state);
  if (!top.exact) return state.ForgetStack();
  int64_t bytes = kIndirectStackBytes;
  if (const std::optional<uint64_t> target = instructions_[node].target) {
    const auto known = callees_.stack_bytes_at ? callees_.stack_bytes_at(*target) : std::nullopt;
    if (!known) return state.ForgetFrame(top.offset, 0);
    bytes = *known;
  }
  state.ForgetFrame(top.offset, top.offset + bytes);
  for (size_t word = 0; word < kAbiWords; ++word) {
    Place place = top;
    place.offset += kWordBytes * static_cast<int64_t>(word);
    if (place.offset + kWordBytes > std::min<int64_t>(top.offset + bytes, 0)) break;
    state.Store(place, kWordBytes, ResultOf(node, word));
  }
}

void Interpreter::ForgetBehindRdi(MachineState& state) {
  const Term& to = terms().at(state.Register(kRdi));
  if (to.kind == Term::Kind::kStack) {
    state.ForgetFrame(to.number, 0);
    if (to.number >= 0) state.Store({.on_stack = true, .offset = to.number}, 0, kUnknownTerm);
  } else if (to.kind == Term::Kind::kUnknown) {
    state.ForgetStack();
  }
}

void Interpreter::RunOther(size_t node, MachineState& state) {
  const ParsedText& text = parsed_[node];
  for (const Operand& operand : text.operands) {
    if (operand.kind != Operand::Kind::kMemory) continue;
    WriteMemory(state, state.PlaceOf(terms(), operand), operand.width, kUnknownTerm);
    break;
  }
  if (text.repeated) ForgetBehindRdi(state);
  for (const std::string& name : instructions_[node].written) {
    if (const std::optional<int> number = GeneralRegister(name)) {
      state.SetRegister(*number, kUnknownTerm);
    }
  }
}

}  // namespace uprobed::profile
