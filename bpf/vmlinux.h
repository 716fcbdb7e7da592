/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_VMLINUX_H_
#define UPROBED_BPF_VMLINUX_H_

/* The kernel types that the programs need, and no more, so that nothing has to be generated from
 * the BTF of the machine that builds. The registers of a uprobe are ABI for BPF programs: struct
 * pt_regs of x86-64 (arch/x86/include/asm/ptrace.h) has not changed since BPF could read it, and
 * that of arm64 begins with struct user_pt_regs (arch/arm64/include/uapi/asm/ptrace.h), which is
 * here. */

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u64 __be64;
typedef _Bool bool;

enum { false = 0, true = 1 };

enum bpf_map_type {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
  BPF_ANY = 0,
  BPF_NOEXIST = 1,
  BPF_EXIST = 2,
};

enum {
  BPF_RB_NO_WAKEUP = 1ULL << 0,
  BPF_RB_FORCE_WAKEUP = 1ULL << 1,
};

enum {
  BPF_RB_AVAIL_DATA = 0,
};

#if defined(__TARGET_ARCH_x86)

struct pt_regs {
  unsigned long r15;
  unsigned long r14;
  unsigned long r13;
  unsigned long r12;
  unsigned long bp;
  unsigned long bx;
  unsigned long r11;
  unsigned long r10;
  unsigned long r9;
  unsigned long r8;
  unsigned long ax;
  unsigned long cx;
  unsigned long dx;
  unsigned long si;
  unsigned long di;
  unsigned long orig_ax;
  unsigned long ip;
  unsigned long cs;
  unsigned long flags;
  unsigned long sp;
  unsigned long ss;
};

/* Found by name in the BTF of the running kernel, wherever they lie there. */
struct thread_struct {
  unsigned long fsbase;
} __attribute__((preserve_access_index));

struct task_struct {
  struct thread_struct thread;
} __attribute__((preserve_access_index));

#elif defined(__TARGET_ARCH_arm64)

#define ARM64_REGISTERS 31

struct pt_regs {
  unsigned long regs[ARM64_REGISTERS]; /* x0 to x30 */
  unsigned long sp;
  unsigned long pc;
  unsigned long pstate;
};

#endif

struct bpf_pidns_info {
  __u32 pid;
  __u32 tgid;
};

#endif /* UPROBED_BPF_VMLINUX_H_ */
