#ifndef UPROBED_SERVER_PROBE_KERNEL_FEATURES_H_
#define UPROBED_SERVER_PROBE_KERNEL_FEATURES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/probe/probe_backend.h"

namespace uprobed::probe {

// Whether uprobes can be attached many at a time (kernel 6.6 and later). Asks the kernel.
bool KernelHasUprobeMulti();

// Whether programs may read the kernel's memory, which a kernel forbids that is locked down for
// confidentiality. Asks the kernel.
bool KernelLetsReadItsMemory();

// Why programs may not write into the memory of others; nullopt where nothing is known to be in
// the way. To ask the kernel would make it warn of such a program in its log.
std::optional<std::string> InjectionObstacle();
// The same of what /sys/kernel/security/lockdown says, empty where it is not there, and of the
// process's effective capabilities.
std::optional<std::string> InjectionObstacle(const std::string& lockdown_modes,
                                             uint64_t effective_capabilities);

// What the kernel and the process's privileges offer, each found by asking, not by version.
std::vector<Feature> DetectKernelFeatures();

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_KERNEL_FEATURES_H_
