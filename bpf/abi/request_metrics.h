/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_ABI_REQUEST_METRICS_H_
#define UPROBED_BPF_ABI_REQUEST_METRICS_H_

#include "bpf/abi/duration_cells.h"
#include "bpf/abi/http_event.h"
#include "bpf/abi/types.h"

/* Kernel to user: requests that became no event, added up by what their metrics' labels are made
 * of, so that metrics are complete whatever is suppressed or finds no room in the ring buffer. */

#define UP_REQUEST_METRICS_MAX 4096
/* Where the kernel allocates all entries of a map at once, for each CPU. */
#define UP_REQUEST_METRICS_MAX_PREALLOCATED 1024

#define UP_METRIC_NAME_MAX 128

/* What of up_http_event.flags a label depends on. */
#define UP_METRIC_FLAGS                                                                          \
  (UP_FLAG_TLS | UP_FLAG_ERROR | UP_FLAG_READ_FAULT | UP_FLAG_UNFINISHED | UP_FLAG_PANIC |       \
   UP_FLAG_ABORTED | UP_FLAG_HIJACKED | UP_FLAG_GOEXIT | UP_FLAG_WRITE_ERROR | UP_FLAG_REFUSED | \
   UP_FLAG_ERROR_POINTER)

/* Every byte counts, so what is not in use is 0. */
struct up_request_key {
  uint32_t slot;
  uint32_t tgid;
  uint32_t kind;
  uint32_t status; /* UP_METRIC_NO_STATUS for all that is none */
  uint32_t flags;  /* of UP_METRIC_FLAGS */
  uint16_t protocol_major;
  uint16_t protocol_minor;
  uint8_t truncated; /* as in struct up_http_event */
  uint8_t unread;
  uint8_t http2;
  uint8_t reserved[5];
  uint16_t method_length;
  uint16_t scheme_length;
  uint16_t host_length;
  uint16_t name_length;
  uint64_t error_method;
  uint64_t error_value; /* UP_METRIC_NO_ERRNO for all that is no errno */
  char method[UP_METHOD_MAX];
  char scheme[UP_SCHEME_MAX];
  char host[UP_HOST_MAX];        /* of clients */
  char name[UP_METRIC_NAME_MAX]; /* route; of HTTP clients what an error says; gRPC's full method */
};
UP_ABI_OFFSET(struct up_request_key, error_method, 40);
UP_ABI_OFFSET(struct up_request_key, host, 80);
UP_ABI_ASSERT(sizeof(struct up_request_key) == 336);

#define UP_METRIC_STATUS_MAX 999
#define UP_METRIC_NO_STATUS 1000
#define UP_METRIC_ERRNO_MAX 4095 /* include/linux/err.h, MAX_ERRNO */
#define UP_METRIC_NO_ERRNO 4096

/* uprobed's buckets of sizes; each includes its upper bound. */
#define UP_SIZE_BOUNDS \
  { 128, 1024, 8192, 65536, 524288, 4194304, 33554432, 268435456 }
#define UP_SIZE_BOUND_COUNT 8

/* By cell. The counts go round: who reads them takes differences, which are right as long as fewer
 * than 2^32 requests are added from one look to the next. Half the memory, of which there is one
 * for each label and CPU. */
struct up_duration_histogram {
  uint64_t sum_ns;
  uint32_t counts[UP_DURATION_CELLS];
  uint32_t reserved;
};

/* Not cumulative; the last is what is above all bounds. */
struct up_size_histogram {
  uint64_t sum;
  uint64_t counts[UP_SIZE_BOUND_COUNT + 1];
};

struct up_request_metrics {
  struct up_duration_histogram duration;
  struct up_size_histogram request_size; /* of those whose size is known */
  struct up_size_histogram response_size;
};
UP_ABI_OFFSET(struct up_request_metrics, request_size, 688);
UP_ABI_ASSERT(sizeof(struct up_request_metrics) == 848);

/* Of those that find no room in the map, by kind - 1. */
#define UP_REQUEST_KINDS 4

#endif /* UPROBED_BPF_ABI_REQUEST_METRICS_H_ */
