/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GO_ABI_H_
#define UPROBED_BPF_GO_ABI_H_

/* Where Go keeps the current goroutine, and arguments and results at the sites:
 * go_current_goroutine() and the GO_... macros. */
#if defined(__TARGET_ARCH_x86)
#include "bpf/go_abi_amd64.h"
#elif defined(__TARGET_ARCH_arm64)
#include "bpf/go_abi_arm64.h"
#else
#error "define __TARGET_ARCH_x86 or __TARGET_ARCH_arm64"
#endif

#endif /* UPROBED_BPF_GO_ABI_H_ */
