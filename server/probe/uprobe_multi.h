#ifndef UPROBED_SERVER_PROBE_UPROBE_MULTI_H_
#define UPROBED_SERVER_PROBE_UPROBE_MULTI_H_

#include <linux/bpf.h>

namespace uprobed::probe {

// include/uapi/linux/bpf.h of kernel 6.6: BPF_TRACE_UPROBE_MULTI. The value is ABI; the headers of
// Debian 12 (kernel 6.1) do not have it yet, the kernel that runs may.
inline constexpr auto kTraceUprobeMulti = static_cast<bpf_attach_type>(48);

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_UPROBE_MULTI_H_
