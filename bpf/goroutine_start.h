/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GOROUTINE_START_H_
#define UPROBED_BPF_GOROUTINE_START_H_

/* A goroutine belongs to the request that is served, or worked for, by the goroutine that starts
 * it. Every goroutine is made by runtime.newproc1, on the stack of the thread
 * (src/runtime/proc.go), and a runtime.g is used again for the next when a goroutine has ended: so
 * each new one is looked at, and none needs to be watched until it ends. */
#include "bpf/handoff.h"

/* Takes one of the timers that start this function off; tells its origin where that is sure. */
static __always_inline void consume_timer(const struct hit* hit, uint64_t function,
                                          struct up_origin* origin) {
  struct up_address_key key = {.address = function, .tgid = hit->key.tgid};
  struct up_timer_function* timer = bpf_map_lookup_elem(&timer_functions, &key);
  if (!timer) return;
  if (timer->origin.state == UP_ORIGIN_KNOWN) {
    if (holds(&timer->origin, key.tgid, bpf_ktime_get_ns()))
      *origin = timer->origin;
    else
      count(hit->counters, UP_COUNTER_HANDOFF_EXPIRED);
  }
  if (timer->pending > 1)
    timer->pending--;
  else
    bpf_map_delete_elem(&timer_functions, &key);
}

/* At the call of runtime.isSystemGoroutine in runtime.newproc1: the new goroutine is complete and
 * does not run yet. */
static __always_inline void on_goroutine_start(struct pt_regs* regs) {
  struct hit hit;
  uint64_t creator, machine, function;
  struct up_origin origin = {};
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_GOROUTINE_START)) return;
  struct up_in_flight_key key = {.goroutine = GO_CALL_WORD_0(hit.profile, regs),
                                 .tgid = hit.key.tgid};
  /* The current goroutine is the thread's own, and m.curg the one that runs the go statement. It is
   * nil where the scheduler starts what time.AfterFunc was given (src/time/sleep.go, goFunc). */
  if ((hit.profile->flags & UP_SLOT_GOROUTINES) &&
      read_field(hit.profile, UP_FIELD_G_M, hit.key.goroutine, &machine) &&
      read_field(hit.profile, UP_FIELD_M_CURG, machine, &creator)) {
    if (creator)
      origin_of(&hit, creator, &origin);
    else if (read_field(hit.profile, UP_FIELD_G_SCHED_CTXT, key.goroutine, &function))
      consume_timer(&hit, function, &origin);
  }
  origin.place = 0;
  origin.source = UP_ORIGIN_GOROUTINE;
  remember(&hit, &goroutine_origins, &key, &origin);
}

/* In the prologue of time.AfterFunc: d, f. Timers that share a function value cannot be told apart
 * when it is started, so it is remembered for those that no request began, too. */
static __always_inline void on_timer_start(struct pt_regs* regs) {
  struct hit hit;
  struct up_timer_function timer = {.pending = 1};
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_TIMER)) return;
  struct up_address_key key = {.address = GO_PROLOGUE_WORD_1(hit.profile, regs),
                               .tgid = hit.key.tgid};
  origin_of(&hit, hit.key.goroutine, &timer.origin);
  timer.registrant = hit.key.goroutine;
  struct up_timer_function* before = bpf_map_lookup_elem(&timer_functions, &key);
  if (!before) {
    if (bpf_map_update_elem(&timer_functions, &key, &timer, BPF_ANY))
      count(hit.counters, UP_COUNTER_HANDOFF_MAP_FULL);
    return;
  }
  bool same = before->origin.state == timer.origin.state &&
              same_span(before->origin.span_id, timer.origin.span_id);
  bool again = same && before->registrant == timer.registrant;
  if (again && (cookie & UP_COOKIE_MAY_REPEAT)) return;
  before->pending++;
  before->registrant = timer.registrant;
  if (same) return;
  before->origin.state = UP_ORIGIN_AMBIGUOUS;
  count(hit.counters, UP_COUNTER_HANDOFF_AMBIGUOUS);
}

/* In the prologue of time.stopTimer: the runtime's timer. That of time.NewTimer has a channel where
 * this looks for a function; none is known by its address. */
static __always_inline void on_timer_stop(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_TIMER)) return;
  uint64_t timer = GO_PROLOGUE_WORD_0(hit.profile, regs) + GO_INTERFACE_DATA;
  struct up_address_key key = {.tgid = hit.key.tgid};
  bool wrapped = has_field(hit.profile, UP_FIELD_TIME_TIMER_ARG);
  bool read = wrapped ? read_field(hit.profile, UP_FIELD_TIME_TIMER_ARG, timer, &key.address)
                      : read_field(hit.profile, UP_FIELD_TIMER_ARG, timer, &key.address);
  if (!read) return;
  struct up_timer_function* begun = bpf_map_lookup_elem(&timer_functions, &key);
  if (!begun) return;
  if (begun->pending > 1)
    begun->pending--;
  else
    bpf_map_delete_elem(&timer_functions, &key);
}

#endif /* UPROBED_BPF_GOROUTINE_START_H_ */
