/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_ABI_COUNTERS_H_
#define UPROBED_BPF_ABI_COUNTERS_H_

#include "bpf/abi/types.h"

/* Kernel to user: what the programs did and lost, per binary (slot) and per CPU. The order is the
 * index in up_counters.value; the daemon exports each under the name given in server/probe. */
enum up_counter {
  UP_COUNTER_HITS_SERVER_START = 0,
  UP_COUNTER_HITS_SERVER_END = 1,
  UP_COUNTER_HITS_CLIENT_START = 2,
  UP_COUNTER_HITS_CLIENT_END = 3,
  UP_COUNTER_EVENTS_SUBMITTED = 4,
  UP_COUNTER_LOST_RING_FULL = 5,  /* a finished request found no room in the ring buffer */
  UP_COUNTER_LOST_MAP_FULL = 6,   /* a started request found no room in the in-flight map */
  UP_COUNTER_LOST_NO_START = 7,   /* an end without its start: began before the attach */
  UP_COUNTER_LOST_ABANDONED = 8,  /* a start replaced one that never ended */
  UP_COUNTER_LOST_READ_FAULT = 9, /* the request itself could not be read */
  UP_COUNTER_REPEATED_START = 10, /* the same call hit its entry site twice: no loss */
  /* Hit by a process outside the probe's pid scope, or by the preface of a connection of HTTP/2: no
   * loss. */
  UP_COUNTER_OUT_OF_SCOPE = 11,
  UP_COUNTER_FIELD_UNREAD = 12,        /* a field of a delivered request could not be read */
  UP_COUNTER_HITS_SERVER_RECOVER = 13, /* a connection ended: not of any one request */
  UP_COUNTER_HITS_SERVER_REFUSED = 14,
  UP_COUNTER_HITS_HTTP2_SERVER_START = 15,
  UP_COUNTER_HITS_HTTP2_SERVER_END = 16,
  UP_COUNTER_HITS_HTTP2_SERVER_UNFINISHED = 17, /* a handler panicked: several for one request */
  UP_COUNTER_HITS_CLIENT_CONNECTION = 18,
  UP_COUNTER_HITS_GOROUTINE_START = 19,
  UP_COUNTER_HITS_TIMER = 20, /* begun and stopped */
  UP_COUNTER_HITS_CHANNEL_SEND = 21,
  UP_COUNTER_HITS_CHANNEL_RECEIVE = 22,
  UP_COUNTER_HANDOFF_MAP_FULL = 23,  /* work found no room in a map: its calls stay roots */
  UP_COUNTER_HANDOFF_EXPIRED = 24,   /* work waited longer than UP_HANDOFF_NS: the same */
  UP_COUNTER_HANDOFF_AMBIGUOUS = 25, /* work of several requests came together: the same */
  UP_COUNTER_HITS_GRPC_SERVER_START = 26,
  UP_COUNTER_HITS_GRPC_SERVER_END = 27,
  UP_COUNTER_HITS_GRPC_CLIENT_START = 28,
  UP_COUNTER_HITS_GRPC_CLIENT_END = 29,
  /* gRPC ends some requests twice. Those that began before the attach cannot be told from them. */
  UP_COUNTER_REPEATED_END = 30,
  UP_COUNTER_HITS_SERVER_FIRST_BYTE = 31,
  UP_COUNTER_HITS_CLIENT_BODY = 32,
  UP_COUNTER_BODY_MAP_FULL = 33, /* a client's span ended with the header, for want of room */
  UP_COUNTER_HITS_SERVER_ROUTE = 34,
  UP_COUNTER_ROUTE_MAP_FULL = 35, /* a route found no room in its map: the span goes without */
  /* Requests that became no span because the probe asks for it: no loss. */
  UP_COUNTER_SUPPRESSED_FILTERED = 36,
  UP_COUNTER_SUPPRESSED_SAMPLED = 37,
  UP_COUNTER_SUPPRESSED_RATE_LIMITED = 38,
  UP_COUNTER_LOST_PREEMPTED = 39, /* see bpf/scratch.h */
  /* A request that became no event found no room among the metrics' labels. */
  UP_COUNTER_METRICS_OVERFLOWED = 40,
  UP_COUNTER_HITS_HTTP2_CLIENT_ATTEMPT = 41,
  UP_COUNTER_HITS_HTTP2_CLIENT_STREAM = 42,
  UP_COUNTER_HITS_HTTP2_CLIENT_HEADERS = 43,
  UP_COUNTER_HITS_CLIENT_HEADERS = 44,
  /* Requests that were given the header traceparent, and those that were not. */
  UP_COUNTER_INJECTED = 45,
  UP_COUNTER_NOT_INJECTED_OWN_HEADER = 46, /* the program has set one, which is kept */
  UP_COUNTER_NOT_INJECTED_HEADERS = 47,    /* the headers cannot be looked through for one */
  UP_COUNTER_NOT_INJECTED_NO_ROOM = 48,    /* in the connection's buffer, without a flush */
  /* It is written by nobody who is known to make it: the CONNECT of a tunnel, Request.Write, one
   * that has been given up, one that began before the attach. */
  UP_COUNTER_NOT_INJECTED_NO_REQUEST = 49,
  UP_COUNTER_NOT_INJECTED_FAULT = 50, /* the buffer is not as it should be, or not to be written */
  UP_COUNTER_HITS_SERVER_HANDLER = 51,
  /* What follows makes the account of all requests even (server/control/ledger.h). */
  UP_COUNTER_HTTP2_PREFACE = 52, /* of what is out of scope that which has begun as a request */
  UP_COUNTER_HTTP2_REFUSED = 53, /* requests of HTTP/2 that were refused, and had no start */
  /* A body was read to its end and closed at the same time, and gave two spans. */
  UP_COUNTER_REPEATED_BODY_END = 54,
  /* Counted by the daemon, which forgets the requests: */
  UP_COUNTER_LOST_PROCESS_EXITED = 55, /* of a process that ended */
  UP_COUNTER_LOST_DETACHED = 56,       /* under way when the sites were detached */
  /* A request became no span because its probe is over its budget of overhead. */
  UP_COUNTER_SUPPRESSED_BUDGET = 57,
  /* A request became no span because nobody streamed spans as it began. */
  UP_COUNTER_SUPPRESSED_UNSTREAMED = 58,
  UP_COUNTER_COUNT = 59,
};

struct up_counters {
  uint64_t value[UP_COUNTER_COUNT];
};
UP_ABI_ASSERT(sizeof(struct up_counters) == sizeof(uint64_t) * UP_COUNTER_COUNT);

#endif /* UPROBED_BPF_ABI_COUNTERS_H_ */
