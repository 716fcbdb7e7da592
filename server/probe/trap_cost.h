#ifndef UPROBED_SERVER_PROBE_TRAP_COST_H_
#define UPROBED_SERVER_PROBE_TRAP_COST_H_

#include "absl/status/statusor.h"
#include "server/probe/hit_costs.h"

struct bpf_program;

namespace uprobed::probe {

// Measures what a trap costs on this machine: attaches two instructions of the daemon's own code,
// one that the kernel emulates and one that it single-steps, calls each some hundred times, and
// detaches them. `program` is any of the BPF programs: given a slot that cannot exist, it returns
// at once, so that what it takes (one look into a map) is part of the result.
// The fastest of several rounds counts, so that other load does not matter. Takes a tenth of a
// second, most of it to detach. INTERNAL TRAP_COST_UNKNOWN where the kernel does not let it.
absl::StatusOr<TrapCosts> MeasureTrapCosts(bpf_program* program, bool uprobe_multi);

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_TRAP_COST_H_
