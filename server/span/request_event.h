#ifndef UPROBED_SERVER_SPAN_REQUEST_EVENT_H_
#define UPROBED_SERVER_SPAN_REQUEST_EVENT_H_

#include "bpf/abi/http_event.h"
#include "bpf/abi/request_metrics.h"

namespace uprobed::span {

// The event that a request with this key would have made, as far as labels are made of it: it is
// assembled as every other, so that the labels are the same.
up_http_event MakeRequestEvent(const up_request_key& key);

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_REQUEST_EVENT_H_
