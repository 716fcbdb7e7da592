#ifndef UPROBED_SERVER_PROFILE_INTERPRETER_H_
#define UPROBED_SERVER_PROFILE_INTERPRETER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "server/elf/instructions.h"
#include "server/profile/control_flow.h"
#include "server/profile/machine_state.h"
#include "server/profile/operands.h"
#include "server/profile/symbolic.h"

namespace uprobed::profile {

// Runs single instructions on a state and, where it is told to, records what they do. Keeps
// references to what it is made with.
class Interpreter {
 public:
  Interpreter(const std::vector<elf::Instruction>& instructions, const Callees& callees,
              Behaviour* behaviour);

  void Run(size_t node, MachineState& state, bool record);

 private:
  Terms& terms() { return behaviour_.terms; }
  TermId Constant(int64_t number);

  static bool IsNop(const ParsedText& text);

  void Write(MachineState& state, const Operand& to, int width, TermId value);

  // A store, wherever it goes.
  void WriteMemory(MachineState& state, const Place& place, int width, TermId value);

  bool RecordComparison(size_t node, const MachineState& state);

  std::string ConditionBehind(size_t node) const;

  bool RunMove(const ParsedText& text, MachineState& state);

  bool RunArithmetic(const ParsedText& text, MachineState& state);

  // a + b, folded where one is a constant; the order of the two does not matter.
  TermId Added(TermId a, TermId b);

  Place TopOfStack(const MachineState& state);

  void MovePointer(MachineState& state, int64_t bytes);

  void RunCall(size_t node, MachineState& state);

  TermId ResultOf(size_t node, size_t word);
  TermId ArgumentOfCall(const MachineState& state, size_t word);

  // What a callee does to the stack that holds its arguments and results.
  void ForgetStackOverCall(size_t node, MachineState& state);

  // Code that writes as much as it likes behind rdi: runtime.duffcopy and duffzero, and rep stos.
  void ForgetBehindRdi(MachineState& state);

  // An instruction whose meaning is not followed: what it writes is not known afterwards.
  void RunOther(size_t node, MachineState& state);

  const std::vector<elf::Instruction>& instructions_;
  const Callees& callees_;
  Behaviour& behaviour_;
  std::vector<ParsedText> parsed_;
  bool record_ = false;
};

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_INTERPRETER_H_
