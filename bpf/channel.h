/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_CHANNEL_H_
#define UPROBED_BPF_CHANNEL_H_

/* What is sent to a channel belongs to the request that the sender works for, and the goroutine
 * that receives it works for that request (src/runtime/chan.go, src/runtime/select.go). An element
 * is known by its place in the channel's buffer, from the one copy to the other; what is passed
 * without a buffer is seen in one hit, with the goroutine that waits. Elements without a size,
 * which are signals, tell nothing.
 *
 * A goroutine that receives at several places, say work from one channel and buffers from another,
 * works for nobody that could be known where these belong to different requests, until it comes
 * back to the place where it received first. */
#include "bpf/handoff.h"
#include "bpf/site_word.h"

/* The begin of runtime.hchan, the same in each release. */
struct go_channel {
  uint64_t count;
  uint64_t capacity;
  uint64_t buffer;
  uint16_t element_size;
  uint32_t closed;
};

/* The begin of runtime.sudog. */
struct go_sudog {
  uint64_t goroutine;
  uint64_t next;
};

#define MAX_SELECT_CASES 32
#define GO_CASE_SIZE 16     /* runtime.scase: the channel, the element */
#define GO_CASE_SIZE_OLD 40 /* Go 1.15 */
#define GO_RECVX_AFTER_SENDX 8
#define GO_RECVQ_AFTER_SENDX 16 /* begins with its first sudog */
#define MAX_WAITING 64

static __always_inline bool read_channel(uint64_t address, struct go_channel* channel) {
  return bpf_probe_read_user(channel, sizeof(*channel), (const void*)address) == 0 &&
         channel->element_size;
}

static __always_inline uint64_t element_at(const struct go_channel* channel, uint64_t index) {
  return channel->buffer + index * channel->element_size;
}

/* The element that was copied last: sendx or recvx is one step ahead of it. */
static __always_inline bool last_element(const struct hit* hit, uint64_t address, uint64_t behind,
                                         struct up_address_key* key) {
  struct go_channel channel;
  uint64_t index;
  if (!read_channel(address, &channel) || !channel.capacity ||
      !read_field(hit->profile, UP_FIELD_HCHAN_SENDX, address + behind, &index))
    return false;
  key->address = element_at(&channel, (index ? index : channel.capacity) - 1);
  key->tgid = hit->key.tgid;
  key->reserved = 0;
  return true;
}

static __always_inline void send_element(const struct hit* hit, const struct up_address_key* key,
                                         uint64_t goroutine) {
  struct up_origin origin;
  origin_of(hit, goroutine, &origin);
  remember(hit, &sent_elements, key, &origin);
}

/* Takes an element out of the buffer. */
static __always_inline void take_element(const struct hit* hit, const struct up_address_key* key,
                                         struct up_origin* origin) {
  __builtin_memset(origin, 0, sizeof(*origin));
  const struct up_origin* sent = bpf_map_lookup_elem(&sent_elements, key);
  if (!sent) return;
  if (holds(sent, key->tgid, bpf_ktime_get_ns()))
    *origin = *sent;
  else
    count(hit->counters, UP_COUNTER_HANDOFF_EXPIRED);
  bpf_map_delete_elem(&sent_elements, key);
}

/* Takes what two goroutines pass to each other, one of which waits, the receiver being the one that
 * comes later. A full buffer is between them: its first element is taken, and that of the sender
 * goes into its place, see runtime.recv. */
static __always_inline bool take_from_sender(const struct hit* hit, uint64_t address,
                                             uint64_t sender, struct up_origin* origin) {
  struct go_channel channel;
  uint64_t index;
  if (!read_channel(address, &channel)) return false;
  if (!channel.capacity) {
    origin_of(hit, sender, origin);
    return true;
  }
  if (!read_field(hit->profile, UP_FIELD_HCHAN_SENDX, address + GO_RECVX_AFTER_SENDX, &index))
    return false;
  struct up_address_key key = {.address = element_at(&channel, index), .tgid = hit->key.tgid};
  take_element(hit, &key, origin);
  send_element(hit, &key, sender);
  return true;
}

/* Whether what a goroutine receives changes nothing: it serves a request, which is its own; or
 * net/http passes it the response to one that it is making. */
static __always_inline bool keeps_its_own(const struct up_in_flight_key* key) {
  return find_serving(key) || bpf_map_lookup_elem(&client_requests, key);
}

struct reception {
  struct up_in_flight_key by;
  uint64_t channel;
  uint32_t is_back; /* at the place where the goroutine received first */
  uint32_t is_over; /* and nothing will come from there any more */
  struct up_origin origin;
};

static __always_inline uint64_t place_of(const struct up_in_flight_key* key) {
  const struct up_origin* held = bpf_map_lookup_elem(&goroutine_origins, key);
  return held ? held->place : 0;
}

/* What came from elsewhere than the place where the goroutine received first. */
static __always_inline void mix(const struct hit* hit, struct up_origin* held,
                                const struct reception* received, uint64_t now) {
  if (received->origin.state != UP_ORIGIN_KNOWN) {
    if (held->state != UP_ORIGIN_KNOWN) return;
    held->state = UP_ORIGIN_NONE;
    held->since_ns = now;
    return;
  }
  if (held->state == UP_ORIGIN_AMBIGUOUS ||
      (held->state == UP_ORIGIN_KNOWN && same_span(held->span_id, received->origin.span_id)))
    return;
  /* What came first may have been said once and for all, before the work began. */
  if (held->state == UP_ORIGIN_NONE && held->place) held->place = received->channel;
  held->state = UP_ORIGIN_AMBIGUOUS;
  held->since_ns = now;
  count(hit->counters, UP_COUNTER_HANDOFF_AMBIGUOUS);
}

static __noinline int receive(const struct hit* hit, struct reception* received) {
  if (keeps_its_own(&received->by)) return 0;
  uint64_t now = bpf_ktime_get_ns();
  struct up_origin* held = bpf_map_lookup_elem(&goroutine_origins, &received->by);
  /* What is too old may be forgotten by the daemon at any time; but a worker may still be at it. */
  if (held && !(held->place && held->state == UP_ORIGIN_KNOWN) &&
      !holds(held, received->by.tgid, now))
    held = 0;
  if (held && !received->is_back) {
    mix(hit, held, received, now);
    return 0;
  }
  struct up_origin* origin = &received->origin;
  if (origin->state != UP_ORIGIN_KNOWN) {
    __builtin_memset(origin, 0, sizeof(*origin));
    origin->since_ns = now;
  }
  origin->slot = hit->slot;
  origin->place = received->channel;
  origin->source = UP_ORIGIN_CHANNEL;
  if (bpf_map_update_elem(&goroutine_origins, &received->by, origin, BPF_ANY))
    count(hit->counters, UP_COUNTER_HANDOFF_MAP_FULL);
  return 0;
}

/* No more work comes from where the goroutine takes it: what it does now is its own. */
static __always_inline void end_work_of(struct up_in_flight_key* key, uint64_t channel) {
  const struct up_origin* held = bpf_map_lookup_elem(&goroutine_origins, key);
  if (held && channel && held->place == channel) bpf_map_delete_elem(&goroutine_origins, key);
}

/* In runtime.closechan where it has locked the channel, for those that wait; before that another
 * could still begin to. And in runtime.chanrecv at the call of runtime.unlock2 where the channel is
 * closed and empty. */
static __always_inline void on_channel_close(struct pt_regs* regs) {
  struct hit hit;
  struct go_channel channel;
  struct go_sudog waiting;
  uint64_t next;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_CHANNEL_RECEIVE)) return;
  uint64_t address = word_at(regs, cookie >> UP_COOKIE_CHANNEL_SHIFT);
  if (!address)
    address =
        GO_CALL_WORD_0(hit.profile, regs) - field_address(hit.profile, UP_FIELD_HCHAN_LOCK, 0);
  if (!read_channel(address, &channel)) return;
  end_work_of(&hit.key, address);
  if (!read_field(hit.profile, UP_FIELD_HCHAN_SENDX, address + GO_RECVQ_AFTER_SENDX, &next)) return;
  for (int i = 0; i < MAX_WAITING && next; i++) {
    if (bpf_probe_read_user(&waiting, sizeof(waiting), (const void*)next)) return;
    struct up_in_flight_key key = {.goroutine = waiting.goroutine, .tgid = hit.key.tgid};
    end_work_of(&key, address);
    next = waiting.next;
  }
}

/* In runtime.chansend, at the call of runtime.unlock2 behind the copy into the buffer. */
static __always_inline void on_channel_send(struct pt_regs* regs) {
  struct hit hit;
  struct up_address_key key;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_CHANNEL_SEND)) return;
  uint64_t channel =
      GO_CALL_WORD_0(hit.profile, regs) - field_address(hit.profile, UP_FIELD_HCHAN_LOCK, 0);
  if (last_element(&hit, channel, 0, &key)) send_element(&hit, &key, hit.key.goroutine);
}

/* In runtime.chanrecv, at the call of runtime.unlock2 behind the copy out of the buffer. */
static __always_inline void on_channel_receive(struct pt_regs* regs) {
  struct hit hit;
  struct up_address_key key;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_CHANNEL_RECEIVE)) return;
  struct reception received = {.by = hit.key};
  received.channel =
      GO_CALL_WORD_0(hit.profile, regs) - field_address(hit.profile, UP_FIELD_HCHAN_LOCK, 0);
  if (!last_element(&hit, received.channel, GO_RECVX_AFTER_SENDX, &key)) return;
  take_element(&hit, &key, &received.origin);
  received.is_back = place_of(&received.by) == received.channel;
  receive(&hit, &received);
}

/* Whether a goroutine that waits could have received from the channel: a select statement waits at
 * several. */
static __always_inline bool waits_at(const struct hit* hit, uint64_t goroutine, uint64_t channel) {
  uint64_t waiting, at;
  if (!channel || !read_field(hit->profile, UP_FIELD_G_WAITING, goroutine, &waiting)) return false;
  for (int i = 0; i < MAX_SELECT_CASES && waiting; i++) {
    if (!read_field(hit->profile, UP_FIELD_SUDOG_C, waiting, &at)) return false;
    if (at == channel) return true;
    if (!read_field(hit->profile, UP_FIELD_SUDOG_WAITLINK, waiting, &waiting)) return false;
  }
  return false;
}

/* At a call of runtime.send: c, the runtime.sudog of the receiver that waits, which begins with its
 * goroutine. */
static __always_inline void on_channel_send_direct(struct pt_regs* regs) {
  struct hit hit;
  struct go_channel channel;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_CHANNEL_SEND)) return;
  struct reception received = {.channel = GO_CALL_WORD_0(hit.profile, regs)};
  received.by.tgid = hit.key.tgid;
  if (!read_channel(received.channel, &channel) ||
      bpf_probe_read_user(&received.by.goroutine, sizeof(received.by.goroutine),
                          (const void*)GO_CALL_WORD_1(hit.profile, regs)))
    return;
  origin_of(&hit, hit.key.goroutine, &received.origin);
  received.is_back = waits_at(&hit, received.by.goroutine, place_of(&received.by));
  receive(&hit, &received);
}

/* Where a select statement has received something, but not all of its channels are at hand. */
static __always_inline void begin_select_receive(const struct hit* hit,
                                                 struct up_select_receive* received) {
  if (keeps_its_own(&hit->key)) return;
  received->origin.slot = hit->slot;
  if (bpf_map_update_elem(&select_receives, &hit->key, received, BPF_ANY)) {
    count(hit->counters, UP_COUNTER_HANDOFF_MAP_FULL);
    /* What it held may be of another request. */
    bpf_map_delete_elem(&goroutine_origins, &hit->key);
  }
}

/* At a call of runtime.recv: c, the runtime.sudog of the sender that waits. */
static __always_inline void on_channel_receive_direct(struct pt_regs* regs) {
  struct hit hit;
  uint64_t sender;
  struct up_select_receive received = {};
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_CHANNEL_RECEIVE)) return;
  received.channel = GO_CALL_WORD_0(hit.profile, regs);
  if (bpf_probe_read_user(&sender, sizeof(sender),
                          (const void*)GO_CALL_WORD_1(hit.profile, regs)) ||
      !take_from_sender(&hit, received.channel, sender, &received.origin))
    return;
  if (cookie & UP_COOKIE_SELECT) {
    begin_select_receive(&hit, &received);
    return;
  }
  struct reception here = {.by = hit.key, .channel = received.channel, .origin = received.origin};
  here.is_back = place_of(&here.by) == here.channel;
  receive(&hit, &here);
}

static __always_inline bool has_size(uint64_t type) {
  uint64_t size; /* what a type begins with, src/internal/abi/type.go */
  return bpf_probe_read_user(&size, sizeof(size), (const void*)type) == 0 && size;
}

/* In runtime.selectgo, at the call of runtime.typedmemmove into a buffer: the type, the place. */
static __always_inline void on_select_send(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_CHANNEL_SEND)) return;
  if (!has_size(GO_CALL_WORD_0(hit.profile, regs))) return;
  struct up_address_key key = {.address = GO_CALL_WORD_1(hit.profile, regs), .tgid = hit.key.tgid};
  send_element(&hit, &key, hit.key.goroutine);
}

/* In runtime.selectgo, at the call of runtime.typedmemclr of what was copied out of a buffer: the
 * type, the place. */
static __always_inline void on_select_receive(struct pt_regs* regs) {
  struct hit hit;
  struct up_select_receive received = {};
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_CHANNEL_RECEIVE)) return;
  if (!has_size(GO_CALL_WORD_0(hit.profile, regs))) return;
  received.element = GO_CALL_WORD_1(hit.profile, regs);
  struct up_address_key key = {.address = received.element, .tgid = hit.key.tgid};
  take_element(&hit, &key, &received.origin);
  begin_select_receive(&hit, &received);
}

struct select_cases {
  uint64_t address;
  uint64_t count;
  uint64_t element; /* that was received */
  uint64_t place;   /* where the goroutine received first */
};

/* Looks through the cases of a select statement for the channel that was received from, and for the
 * place where the goroutine received first. */
static __noinline int find_in_cases(const struct up_profile_slot* profile,
                                    const struct select_cases* cases, struct reception* received) {
  uint64_t step = has_field(profile, UP_FIELD_SCASE_KIND) ? GO_CASE_SIZE_OLD : GO_CASE_SIZE;
  for (uint32_t i = 0; i < MAX_SELECT_CASES && i < cases->count; i++) {
    struct go_channel channel;
    uint64_t address;
    if (bpf_probe_read_user(&address, sizeof(address), (const void*)(cases->address + i * step)))
      return false;
    if (!address || !read_channel(address, &channel)) continue;
    if (address == cases->place) {
      received->is_back = true;
      received->is_over = channel.closed && !channel.count;
    }
    if (!received->channel && cases->element >= channel.buffer &&
        cases->element < element_at(&channel, channel.capacity))
      received->channel = address;
  }
  return true;
}

/* At the calls of runtime.selunlock behind what was received, or behind what was sent to a
 * goroutine that waited, or where a channel is closed: the cases, their number. */
static __always_inline void on_select_done(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_CHANNEL_RECEIVE)) return;
  const struct up_select_receive* begun = bpf_map_lookup_elem(&select_receives, &hit.key);
  struct reception received = {.by = hit.key};
  if (begun) {
    received.channel = begun->channel;
    received.origin = begun->origin;
  }
  struct select_cases cases = {.address = GO_CALL_WORD_0(hit.profile, regs),
                               .count = GO_CALL_WORD_1(hit.profile, regs),
                               .element = begun ? begun->element : 0,
                               .place = place_of(&received.by)};
  if (!begun && !cases.place) return;
  find_in_cases(hit.profile, &cases, &received);
  if (begun) {
    bpf_map_delete_elem(&select_receives, &hit.key);
    receive(&hit, &received);
  } else if (received.is_over) {
    bpf_map_delete_elem(&goroutine_origins, &hit.key);
  }
}

#endif /* UPROBED_BPF_CHANNEL_H_ */
