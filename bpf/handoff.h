/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_HANDOFF_H_
#define UPROBED_BPF_HANDOFF_H_

/* Which request a goroutine works for that serves none: the memory that bpf/goroutine_start.h and
 * bpf/channel.h write and that requests being made read. An origin is a copy, so that it holds when
 * the request has been served.
 *
 * Programs are hit where the runtime holds the channel's lock, or where a goroutine does not run
 * yet, or by the goroutine itself: nobody else changes an entry meanwhile. */
#include "bpf/go_read.h"
#include "bpf/in_flight.h"

static __always_inline bool same_span(const uint8_t* one, const uint8_t* other) {
  return *(const uint64_t*)one == *(const uint64_t*)other;
}

static __always_inline bool is_fresh(const struct up_origin* origin, uint64_t now) {
  return now < origin->since_ns + UP_HANDOFF_NS;
}

/* Whether the request is being served, or handed the work over not long ago. */
static __always_inline bool holds(const struct up_origin* origin, uint32_t tgid, uint64_t now) {
  if (is_fresh(origin, now)) return true;
  struct up_in_flight_key key = {.goroutine = origin->goroutine, .tgid = tgid};
  const struct up_in_flight_request* serving = find_serving(&key);
  return serving && same_span(serving->span_id, origin->span_id);
}

/* The request that a goroutine works for now, by serving it or otherwise: its state says so. */
static __noinline int origin_of(const struct hit* hit, uint64_t goroutine, struct up_origin* to) {
  struct up_in_flight_key key = {.goroutine = goroutine, .tgid = hit->key.tgid};
  uint64_t now = bpf_ktime_get_ns();
  __builtin_memset(to, 0, sizeof(*to));
  to->since_ns = now;
  to->slot = hit->slot;
  const struct up_in_flight_request* serving = find_serving(&key);
  if (serving) {
    to->goroutine = goroutine;
    to->state = UP_ORIGIN_KNOWN;
    to->trace_flags = serving->trace_flags;
    __builtin_memcpy(to->trace_id, serving->trace_id, UP_TRACE_ID_SIZE);
    __builtin_memcpy(to->span_id, serving->span_id, UP_SPAN_ID_SIZE);
    return true;
  }
  const struct up_origin* held = bpf_map_lookup_elem(&goroutine_origins, &key);
  if (!held || held->state != UP_ORIGIN_KNOWN) return false;
  if (!holds(held, key.tgid, now)) {
    count(hit->counters, UP_COUNTER_HANDOFF_EXPIRED);
    return false;
  }
  *to = *held;
  return true;
}

/* Remembers, or forgets where there is nothing to remember: what is there is of something else that
 * had the same address. */
static __always_inline void remember(const struct hit* hit, void* map, const void* key,
                                     const struct up_origin* origin) {
  if (origin->state == UP_ORIGIN_KNOWN) {
    if (bpf_map_update_elem(map, key, origin, BPF_ANY) == 0) return;
    count(hit->counters, UP_COUNTER_HANDOFF_MAP_FULL);
  }
  /* Nothing is there, as a rule. */
  bpf_map_delete_elem(map, key);
}

/* Makes the outgoing `request` a child of the request that the goroutine works for; false where
 * that is not known. */
static __noinline int inherit_by_handoff(const struct hit* hit,
                                         struct up_in_flight_request* request) {
  if (!(hit->profile->flags & (UP_SLOT_GOROUTINES | UP_SLOT_CHANNELS))) return false;
  struct up_origin origin;
  if (!origin_of(hit, hit->key.goroutine, &origin)) return false;
  __builtin_memcpy(request->trace_id, origin.trace_id, UP_TRACE_ID_SIZE);
  __builtin_memcpy(request->parent_span_id, origin.span_id, UP_SPAN_ID_SIZE);
  request->trace_flags = origin.trace_flags;
  request->flags |=
      origin.source == UP_ORIGIN_GOROUTINE ? UP_FLAG_GOROUTINE_PARENT : UP_FLAG_CHANNEL_PARENT;
  return true;
}

#endif /* UPROBED_BPF_HANDOFF_H_ */
