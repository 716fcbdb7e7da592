/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_PROCESS_H_
#define UPROBED_BPF_PROCESS_H_

#include "bpf/abi/site_cookie.h"
#include "bpf/counting.h"
#include "bpf/go_abi.h"
#include "bpf/maps.h"

struct process {
  uint32_t tgid;
  uint32_t tid;
};

/* The current process as the daemon sees it. In the initial pid namespace that is the kernel's own
 * number; elsewhere the helper translates, and knows no process outside of that namespace. */
static __always_inline bool current_process(struct process* process) {
  if (pid_namespace_inode == 0) {
    uint64_t both = bpf_get_current_pid_tgid();
    process->tgid = both >> 32;
    process->tid = (uint32_t)both;
    return true;
  }
  struct bpf_pidns_info info = {};
  if (bpf_get_ns_current_pid_tgid(pid_namespace_device, pid_namespace_inode, &info, sizeof(info)))
    return false;
  process->tgid = info.tgid;
  process->tid = info.pid;
  return true;
}

/* Whether the slot observes the process. */
static __always_inline bool in_scope(const struct up_profile_slot* profile, uint32_t slot,
                                     uint32_t tgid) {
  if (!(profile->flags & UP_SLOT_SCOPED)) return true;
  struct up_scope_key key = {.slot = slot, .tgid = tgid};
  return bpf_map_lookup_elem(&scoped_processes, &key) != 0;
}

struct scratch;

/* What every program begins with. */
struct hit {
  uint32_t slot;
  struct process process;
  const struct up_profile_slot* profile;
  struct up_counters* counters;
  struct up_in_flight_key key;
  /* Of a request that has ended: where its record is, unless that is in the ring buffer; and
   * whether it is known to become no event, so that only what makes labels is read. */
  struct scratch* scratch;
  uint64_t is_suppressed;
};

static __always_inline bool begin_hit(struct hit* hit, const struct pt_regs* regs, uint64_t cookie,
                                      enum up_counter counter) {
  hit->slot = cookie & UP_COOKIE_SLOT_MASK;
  hit->profile = bpf_map_lookup_elem(&profile_slots, &hit->slot);
  hit->counters = counters_of(hit->slot);
  if (!hit->profile || !hit->counters) return false;
  if (!current_process(&hit->process) || !in_scope(hit->profile, hit->slot, hit->process.tgid)) {
    count(hit->counters, UP_COUNTER_OUT_OF_SCOPE);
    return false;
  }
  count(hit->counters, counter);
  hit->key.goroutine = go_current_goroutine(hit->profile, regs);
  hit->key.tgid = hit->process.tgid;
  hit->key.reserved = 0;
  return true;
}

#endif /* UPROBED_BPF_PROCESS_H_ */
