/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_PREEMPTION_H_
#define UPROBED_BPF_PREEMPTION_H_

#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

/* A uprobe's program is preemptible since kernel 6.0 and its stack may be a private one, shared by
 * all programs that run on the CPU, since 6.13: a task that preempts another inside the same
 * program then overwrites its stack and brings the kernel down. These kfuncs (6.10) close the door.
 * They must be called before anything is put on the stack, hence the wrapper that does nothing
 * else. Between 6.0 and 6.9 stacks are the tasks' own, so there is nothing to protect: what the
 * programs keep per CPU has one owner at a time (bpf/scratch.h). */
extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

#define WITHOUT_PREEMPTION(statement)                                \
  ({                                                                 \
    if (bpf_ksym_exists(bpf_preempt_disable)) bpf_preempt_disable(); \
    statement;                                                       \
    if (bpf_ksym_exists(bpf_preempt_enable)) bpf_preempt_enable();   \
  })

#endif /* UPROBED_BPF_PREEMPTION_H_ */
