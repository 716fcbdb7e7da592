#include "server/profile/machine_state.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace uprobed::profile {
namespace {

// The registers of Go's arguments and results, in order (cmd/compile/abi-internal.md): rax, rbx,
// rcx, rdi, rsi, r8, r9, r10, r11.
constexpr std::array<int, kAbiWords> kAbiRegisters = {0, 3, 1, 7, 6, 8, 9, 10, 11};

// Bounds the expressions; no field that is looked for lies deeper.
constexpr int kMaxLoads = 5;
// How far behind an address on the stack a callee that holds it is taken to write: what the runtime
// fills in of a _defer (runtime/runtime2.go, 1.22). A word further behind, that the function itself
// put there and that a callee replaces by a pointer to something else, is what would be missed;
// none of the functions that are read does so.
constexpr int64_t kTakenBytes = 48;
// A binary may come from anybody: these bound the memory that a hostile function can ask for. What
// the functions of interest have is an order of magnitude less.
constexpr size_t kMaxSlots = 128;
constexpr size_t kMaxTaken = 64;

int LoadsIn(const Terms& terms, TermId id) {
  int loads = 0;
  while (id != kUnknownTerm) {
    const Term& term = terms.at(id);
    if (term.kind == Term::Kind::kLoad) ++loads;
    id = term.base;
  }
  return loads;
}

}  // namespace

int AbiRegister(size_t word) { return kAbiRegisters[word]; }

MachineState MachineState::AtEntry(Terms& terms, Passing passing) {
  MachineState state;
  for (size_t word = 0; word < kAbiWords; ++word) {
    const auto number = static_cast<int64_t>(word);
    const TermId argument = terms.Intern({.kind = Term::Kind::kArgument, .number = number});
    if (passing == Passing::kInRegisters) {
      state.SetRegister(kAbiRegisters[word], argument);
    } else {
      state.slots_.push_back({kWordBytes * (number + 1), argument});  // behind the return address
    }
  }
  state.SetRegister(kRsp, terms.Intern({.kind = Term::Kind::kStack}));
  return state;
}

Place MachineState::PlaceOf(const Terms& terms, const Operand& memory) const {
  Place place;
  place.exact = !memory.scaled;
  place.offset = memory.number;
  if (memory.register_number < 0) return place;
  place.base = Register(memory.register_number);
  const Term& base = terms.at(place.base);
  if (base.kind == Term::Kind::kStack) {
    place.on_stack = true;
    place.offset += base.number;
  } else if (base.kind == Term::Kind::kOffset) {
    place.base = base.base;
    place.offset += base.number;
  }
  return place;
}

TermId MachineState::AddressOf(Terms& terms, const Place& place) const {
  if (!place.exact) return kUnknownTerm;
  if (place.on_stack) return terms.Intern({.kind = Term::Kind::kStack, .number = place.offset});
  if (place.base == kUnknownTerm || place.offset == 0) return place.base;
  return terms.Intern({.kind = Term::Kind::kOffset, .base = place.base, .number = place.offset});
}

TermId MachineState::Load(Terms& terms, const Place& place, int width) const {
  if (!place.exact) return kUnknownTerm;
  if (place.on_stack) {
    const auto found = SlotFrom(place.offset);
    const bool known = found != slots_.end() && found->offset == place.offset;
    return width == kWordBytes && known ? found->value : kUnknownTerm;
  }
  if (place.base == kUnknownTerm || width > kWordBytes || LoadsIn(terms, place.base) >= kMaxLoads) {
    return kUnknownTerm;
  }
  return terms.Intern(
      {.kind = Term::Kind::kLoad, .base = place.base, .number = place.offset, .width = width});
}

void MachineState::Store(const Place& place, int width, TermId value) {
  if (!place.on_stack) return;
  // With an unknown index anything behind may be hit; so may it where the width is not known.
  const bool bounded = place.exact && width > 0;
  slots_.erase(SlotFrom(place.offset - kWordBytes + 1),
               bounded ? SlotFrom(place.offset + width) : slots_.end());
  if (place.exact && width == kWordBytes && value != kUnknownTerm && slots_.size() < kMaxSlots) {
    slots_.insert(SlotFrom(place.offset), {place.offset, value});
  }
}

TermId MachineState::Value(Terms& terms, const Operand& operand, int width) const {
  switch (operand.kind) {
    case Operand::Kind::kImmediate:
      return terms.Intern({.kind = Term::Kind::kConstant, .number = operand.number});
    case Operand::Kind::kMemory:
      return Load(terms, PlaceOf(terms, operand), width);
    case Operand::Kind::kRegister:
      break;
    case Operand::Kind::kOther:
      return kUnknownTerm;
  }
  const TermId id = Register(operand.register_number);
  if (width == kWordBytes) return id;
  // The low part of what was loaded is a narrower load from the same place.
  Term term = terms.at(id);
  if (term.kind == Term::Kind::kConstant) return id;
  if (term.kind != Term::Kind::kLoad) return kUnknownTerm;
  term.width = std::min(term.width, width);
  return terms.Intern(term);
}

std::vector<MachineState::Slot>::const_iterator MachineState::SlotFrom(int64_t offset) const {
  return std::lower_bound(slots_.begin(), slots_.end(), offset,
                          [](const Slot& slot, int64_t value) { return slot.offset < value; });
}

void MachineState::TakeAddress(const Terms& terms, const Place& place) {
  if (!place.on_stack) return;
  const Term& top = terms.at(Register(kRsp));
  // The check for stack growth computes an address below the frame; nothing lives there.
  if (top.kind == Term::Kind::kStack && place.offset < top.number) return;
  const auto at = std::lower_bound(taken_.begin(), taken_.end(), place.offset);
  if (at == taken_.end() || *at != place.offset) taken_.insert(at, place.offset);
  BoundTaken();
}

void MachineState::BoundTaken() {
  if (taken_.size() <= kMaxTaken) return;
  all_taken_ = true;
  taken_.clear();
}

void MachineState::ForgetTakenSlots() {
  if (all_taken_) slots_.clear();
  for (const int64_t taken : taken_) {
    // The arguments' own words, above the return address, are no part of a local.
    const int64_t end = taken < 0 ? std::min<int64_t>(taken + kTakenBytes, 0) : taken + kTakenBytes;
    slots_.erase(SlotFrom(taken - kWordBytes + 1), SlotFrom(end));
  }
}

void MachineState::ForgetFrame(int64_t offset, int64_t end) {
  end = std::min<int64_t>(end, 0);
  if (offset < end) {
    slots_.erase(SlotFrom(offset - kWordBytes + 1), SlotFrom(end));
  }
}

void MachineState::ForgetBelow(int64_t top) {
  slots_.erase(slots_.begin(), SlotFrom(top - kWordBytes + 1));
}

void MachineState::ForgetRegistersOverCall() {
  for (int number = 0; number < kRegisterCount; ++number) {
    if (number != kRsp && number != kRbp) SetRegister(number, kUnknownTerm);
  }
}

bool MachineState::Meet(const MachineState& other) {
  bool changed = false;
  for (size_t i = 0; i < registers_.size(); ++i) {
    if (registers_[i] != kUnknownTerm && registers_[i] != other.registers_[i]) {
      registers_[i] = kUnknownTerm;
      changed = true;
    }
  }
  const size_t erased = std::erase_if(slots_, [&](const Slot& slot) {
    const auto found = other.SlotFrom(slot.offset);
    return found == other.slots_.end() || *found != slot;
  });
  const bool all_taken = all_taken_ || other.all_taken_;
  const size_t taken = taken_.size();
  if (!all_taken &&
      !std::includes(taken_.begin(), taken_.end(), other.taken_.begin(), other.taken_.end())) {
    std::vector<int64_t> both;
    std::set_union(taken_.begin(), taken_.end(), other.taken_.begin(), other.taken_.end(),
                   std::back_inserter(both));
    taken_ = std::move(both);
  }
  changed |= erased > 0 || taken != taken_.size() || all_taken != all_taken_;
  all_taken_ = all_taken;
  BoundTaken();
  return changed;
}

}  // namespace uprobed::profile
