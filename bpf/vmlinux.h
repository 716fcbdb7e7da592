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
  BPF_MAP_TYPE_PERCPU_HASH = 5,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
  BPF_ANY = 0,
  BPF_NOEXIST = 1,
  BPF_EXIST = 2,
};

enum {
  BPF_F_MMAPABLE = 1U << 10,
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

/* These and those below are found by name in the BTF of the running kernel, wherever they lie. */
struct thread_struct {
  unsigned long fsbase;
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

struct inode {
  __u16 i_mode;
} __attribute__((preserve_access_index));

struct file {
  struct inode* f_inode;
  void* private_data;
} __attribute__((preserve_access_index));

struct fdtable {
  unsigned int max_fds;
  struct file** fd;
} __attribute__((preserve_access_index));

struct files_struct {
  struct fdtable* fdt;
} __attribute__((preserve_access_index));

struct task_struct {
  struct files_struct* files;
#if defined(__TARGET_ARCH_x86)
  struct thread_struct thread;
#endif
} __attribute__((preserve_access_index));

struct ns_common {
  unsigned int inum;
} __attribute__((preserve_access_index));

struct net {
  struct ns_common ns;
} __attribute__((preserve_access_index));

struct possible_net {
  struct net* net;
} __attribute__((preserve_access_index));

struct in6_addr {
  __be32 words[4];
};

struct sock_common {
  __be32 skc_daddr;
  __be32 skc_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  unsigned short skc_family;
  struct possible_net skc_net;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
} __attribute__((preserve_access_index));

struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol;
} __attribute__((preserve_access_index));

struct socket {
  struct sock* sk;
} __attribute__((preserve_access_index));

struct tcp_sock {
  __u32 copied_seq;
  __u32 write_seq;
} __attribute__((preserve_access_index));

struct bpf_pidns_info {
  __u32 pid;
  __u32 tgid;
};

#endif /* UPROBED_BPF_VMLINUX_H_ */
