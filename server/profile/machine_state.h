#ifndef UPROBED_SERVER_PROFILE_MACHINE_STATE_H_
#define UPROBED_SERVER_PROFILE_MACHINE_STATE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "server/profile/operands.h"
#include "server/profile/symbolic.h"

namespace uprobed::profile {

// Where memory is: `offset` behind the pointer `base`, or on the stack.
struct Place {
  bool on_stack = false;  // offset is then from the stack pointer at the entry
  bool exact = true;      // false: with an unknown index added
  TermId base = kUnknownTerm;
  int64_t offset = 0;
};

// The registers and the stack at one instruction, as expressions.
class MachineState {
 public:
  // As at the entry of a function.
  static MachineState AtEntry(Terms& terms, Passing passing);

  TermId Register(int number) const { return registers_[static_cast<size_t>(number)]; }
  void SetRegister(int number, TermId value) { registers_[static_cast<size_t>(number)] = value; }

  Place PlaceOf(const Terms& terms, const Operand& memory) const;
  // The pointer itself: what lea makes.
  TermId AddressOf(Terms& terms, const Place& place) const;
  TermId Load(Terms& terms, const Place& place, int width) const;
  // Memory off the stack is not kept: an expression says what was loaded, not what is there.
  void Store(const Place& place, int width, TermId value);
  // The operand as a value of `width` bytes; loads where it is memory.
  TermId Value(Terms& terms, const Operand& operand, int width) const;

  // Remembers that a pointer to the stack exists, through which a callee may write.
  void TakeAddress(const Terms& terms, const Place& place);
  void ForgetTakenSlots();
  void ForgetRegistersOverCall();
  // Forgets the words of the function's own frame from `offset` up to `end`: what it was given by
  // its caller is no part of that.
  void ForgetFrame(int64_t offset, int64_t end);
  // Forgets what lies below the stack pointer, where a callee has its frame.
  void ForgetBelow(int64_t top);
  void ForgetStack() { slots_.clear(); }

  // Keeps what both states agree on; whether that is less than before.
  bool Meet(const MachineState& other);

 private:
  // A word of the stack.
  struct Slot {
    int64_t offset = 0;  // from the entry's rsp
    TermId value = kUnknownTerm;
    bool operator==(const Slot&) const = default;
  };

  void BoundTaken();
  // The first slot that does not lie below `offset`.
  std::vector<Slot>::const_iterator SlotFrom(int64_t offset) const;

  std::array<TermId, kRegisterCount> registers_{};
  // Both in ascending order and without duplicates; a state is copied for each instruction that is
  // followed, which trees would make an order of magnitude slower.
  std::vector<Slot> slots_;
  std::vector<int64_t> taken_;  // addresses on the stack that somebody may hold
  bool all_taken_ = false;      // too many to list
};

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_MACHINE_STATE_H_
