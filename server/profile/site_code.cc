#include "server/profile/site_code.h"

#include <optional>
#include <utility>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/profile/jump_conditions.h"
#include "server/profile/prologue.h"

namespace uprobed::profile {
namespace {

// The longest that holds sites has 9.4 kB in Go 1.15 to 1.27, with -race. Choosing sites takes time
// that grows with the square of the size, and a binary may come from anybody.
constexpr uint64_t kMaxFunctionBytes = 32'768;

std::string InstructionText(const ControlFlow& flow, size_t node) {
  const std::string& text = flow.at(node).text;
  const std::string& callee = flow.CalleeName(node);
  return callee.empty() ? text : fmt::format("{} {}", text.substr(0, text.find(' ')), callee);
}

absl::Status CannotEvaluate(const ControlFlow& flow, const elf::Instruction& instruction) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND",
                   fmt::format("{} ends a request at {:#x} on a condition that cannot be evaluated "
                               "({}); please report the Go version and how the program was built",
                               flow.function(), instruction.address, instruction.text));
}

}  // namespace

absl::StatusOr<ControlFlow> ReadFunction(const elf::ElfFile& file,
                                         const elf::GoFunctions& functions, std::string_view name) {
  const std::vector<elf::GoFunction> found = functions.Find(name);
  if (found.empty()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "SYMBOL_NOT_FOUND",
                     fmt::format("{} is not in the binary: the linker removed it because the "
                                 "program never calls it",
                                 name));
  }
  const elf::GoFunction& function = found.front();
  if (function.size > kMaxFunctionBytes) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND",
                     fmt::format("{} has {} bytes of code, several times what it has in any Go "
                                 "release; build the program with an unchanged Go toolchain",
                                 name, function.size));
  }
  ASSIGN_OR_RETURN(std::vector<elf::Instruction> instructions,
                   elf::Disassemble(file, function.address, function.size));
  return ControlFlow::Build(
      std::string(name), std::move(instructions),
      [&functions](uint64_t address) { return functions.NameAtEntry(address); });
}

absl::StatusOr<std::vector<Site>> MakeSites(const elf::ElfFile& file, const ControlFlow& flow,
                                            const std::vector<SitePlan>& plans) {
  std::vector<Site> sites;
  for (const SitePlan& plan : plans) {
    const elf::Instruction& instruction = flow.at(plan.node);
    const std::optional<uint64_t> offset = file.FileOffset(instruction.address);
    if (!offset) {
      return MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND",
                       fmt::format("the code of {} at {:#x} is not in the file; probe the "
                                   "executable itself, not a file with its debug information",
                                   flow.function(), instruction.address));
    }
    Site site;
    site.kind = plan.kind;
    site.function = flow.function();
    site.virtual_address = instruction.address;
    site.file_offset = *offset;
    site.function_offset = static_cast<uint32_t>(instruction.address - flow.at(0).address);
    site.bytes = instruction.bytes;
    site.instruction = InstructionText(flow, plan.node);
    site.cost = elf::KernelEmulates(instruction.architecture, site.bytes)
                    ? CostClass::kEmulated
                    : CostClass::kSingleStepped;
    if (IsBranch(plan.kind)) {
      const auto condition = PackedConditionOf(instruction.architecture, site.bytes);
      if (!condition) return CannotEvaluate(flow, instruction);
      site.condition = *condition;
    }
    site.ends_when_taken = plan.ends_when_taken;
    site.arguments = plan.arguments;
    sites.push_back(std::move(site));
  }
  return sites;
}

// With the stack ABI the kernel side finds the goroutine 8 bytes below the thread pointer. Every
// function with a stack check begins with loading it from where the linker has put it.
absl::Status CheckGoroutine(const ControlFlow& flow, CallAbi abi) {
  if (abi != CallAbi::kAmd64Stack) return absl::OkStatus();
  const std::vector<uint8_t> direct = {0x64, 0x48, 0x8b, 0x0c, 0x25, 0xf8, 0xff, 0xff, 0xff};
  // What the linker makes of a load through the global offset table.
  const std::vector<uint8_t> offset_to_rcx = {0x48, 0xc7, 0xc1, 0xf8, 0xff, 0xff, 0xff};
  const std::vector<uint8_t> load_at_rcx = {0x64, 0x48, 0x8b, 0x09};
  if (flow.size() > 0 && flow.at(0).bytes == direct) return absl::OkStatus();
  if (flow.size() > 1 && flow.at(0).bytes == offset_to_rcx && flow.at(1).bytes == load_at_rcx) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "SITE_NOT_FOUND",
                   fmt::format("{} does not load the goroutine from where Go keeps it; please "
                               "report the Go version and how the program was built",
                               flow.function()));
}

absl::StatusOr<std::vector<Site>> SiteInPrologue(const elf::ElfFile& file,
                                                 const elf::GoFunctions& functions,
                                                 std::string_view function, SiteKind kind,
                                                 CallAbi abi) {
  const absl::StatusOr<ControlFlow> flow = ReadFunction(file, functions, function);
  if (!flow.ok()) {
    if (absl::IsFailedPrecondition(flow.status())) return std::vector<Site>();
    return flow.status();
  }
  const std::optional<size_t> node = NodeInPrologue(*flow, abi);
  if (!node) return std::vector<Site>();
  return MakeSites(file, *flow, {{kind, *node, false, ArgumentsOf(kind, abi)}});
}

}  // namespace uprobed::profile
