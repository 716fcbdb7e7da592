#ifndef UPROBED_SERVER_PROBE_KERNEL_FEATURES_H_
#define UPROBED_SERVER_PROBE_KERNEL_FEATURES_H_

#include <vector>

#include "server/probe/probe_backend.h"

namespace uprobed::probe {

// Whether uprobes can be attached many at a time (kernel 6.6 and later). Asks the kernel.
bool KernelHasUprobeMulti();

// Whether programs may read the kernel's memory, which a kernel forbids that is locked down for
// confidentiality. Asks the kernel.
bool KernelLetsReadItsMemory();

// What the kernel and the process's privileges offer, each found by asking, not by version.
std::vector<Feature> DetectKernelFeatures();

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_KERNEL_FEATURES_H_
