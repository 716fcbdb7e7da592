#include "server/probe/trap_cost.h"

#include <bpf/libbpf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <memory>
#include <optional>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bpf/abi/site_cookie.h"
#include "server/base/clock.h"
#include "server/base/errors.h"

// Functions whose first instruction is the one to measure: one that the kernel emulates and one
// that it does not.
#if defined(__x86_64__)
#define UPROBED_EMULATED "nop"
#define UPROBED_SINGLE_STEPPED "test %eax, %eax"
#elif defined(__aarch64__)
#define UPROBED_EMULATED "b 1f\n1:"
#define UPROBED_SINGLE_STEPPED "add x9, x9, #1"
#endif
asm(".pushsection .text\n"
    ".balign 16\n"
    ".type uprobed_emulated_site, %function\n"
    "uprobed_emulated_site:\n" UPROBED_EMULATED
    "\n"
    "ret\n"
    ".size uprobed_emulated_site, . - uprobed_emulated_site\n"
    ".balign 16\n"
    ".type uprobed_single_stepped_site, %function\n"
    "uprobed_single_stepped_site:\n" UPROBED_SINGLE_STEPPED
    "\n"
    "ret\n"
    ".size uprobed_single_stepped_site, . - uprobed_single_stepped_site\n"
    ".popsection\n");
extern "C" void uprobed_emulated_site();
extern "C" void uprobed_single_stepped_site();

namespace uprobed::probe {
namespace {

using Function = void (*)();

// Short rounds with pauses: other load that disturbs one does not disturb them all.
constexpr int kRounds = 20;
constexpr absl::Duration kPause = absl::Milliseconds(1);
constexpr int kEmulatedCalls = 100;
constexpr int kSingleSteppedCalls = 20;

struct TrapLinkDeleter {
  void operator()(bpf_link* link) const noexcept { bpf_link__destroy(link); }
};
using TrapLink = std::unique_ptr<bpf_link, TrapLinkDeleter>;

struct FileAddress {
  uintptr_t address = 0;
  std::optional<size_t> offset;  // in the executable
};

// The executable comes first; what is loaded later is another file.
int FindInExecutable(dl_phdr_info* info, size_t /*size*/, void* data) {
  auto& wanted = *static_cast<FileAddress*>(data);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    const uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
    if (segment.p_type != PT_LOAD || wanted.address < begin ||
        wanted.address - begin >= segment.p_filesz) {
      continue;
    }
    wanted.offset = segment.p_offset + (wanted.address - begin);
  }
  return 1;
}

std::optional<size_t> OffsetOf(Function function) {
  FileAddress wanted{.address = reinterpret_cast<uintptr_t>(function), .offset = std::nullopt};
  dl_iterate_phdr(FindInExecutable, &wanted);
  return wanted.offset;
}

TrapLink AttachTo(bpf_program* program, size_t offset, bool uprobe_multi) {
  constexpr char kSelf[] = "/proc/self/exe";
  const uint64_t no_slot = UP_COOKIE_SLOT_MASK;
  if (!uprobe_multi) {
    bpf_uprobe_opts options{};
    options.sz = sizeof(options);
    options.bpf_cookie = no_slot;
    return TrapLink(bpf_program__attach_uprobe_opts(program, 0, kSelf, offset, &options));
  }
  const unsigned long offsets[] = {offset};
  bpf_uprobe_multi_opts options{};
  options.sz = sizeof(options);
  options.offsets = offsets;
  options.cookies = reinterpret_cast<const __u64*>(&no_slot);
  options.cnt = 1;
  return TrapLink(bpf_program__attach_uprobe_multi(program, getpid(), kSelf, nullptr, &options));
}

// The fastest round of calls, for one call.
double FastestNs(Function function, int calls) {
  double fastest = std::numeric_limits<double>::max();
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t begin = MonotonicNanosNow();
    for (int i = 0; i < calls; ++i) function();
    fastest = std::min(fastest, static_cast<double>(MonotonicNanosNow() - begin) / calls);
    absl::SleepFor(kPause);
  }
  return fastest;
}

absl::StatusOr<double> TrapNs(bpf_program* program, Function function, int calls,
                              bool uprobe_multi) {
  const std::optional<size_t> offset = OffsetOf(function);
  if (!offset.has_value()) {
    return MakeError(absl::StatusCode::kInternal, "TRAP_COST_UNKNOWN",
                     "the daemon does not find its own code");
  }
  const double without = FastestNs(function, calls);
  const TrapLink link = AttachTo(program, *offset, uprobe_multi);
  if (link == nullptr) {
    return MakeErrnoError(errno, "TRAP_COST_UNKNOWN", "the kernel refused a uprobe on the daemon");
  }
  return std::max(FastestNs(function, calls) - without, 0.0);
}

}  // namespace

absl::StatusOr<TrapCosts> MeasureTrapCosts(bpf_program* program, bool uprobe_multi) {
  TrapCosts costs;
  ASSIGN_OR_RETURN(costs.emulated_ns,
                   TrapNs(program, uprobed_emulated_site, kEmulatedCalls, uprobe_multi));
  ASSIGN_OR_RETURN(costs.single_stepped_ns,
                   TrapNs(program, uprobed_single_stepped_site, kSingleSteppedCalls, uprobe_multi));
  return costs;
}

}  // namespace uprobed::probe
