#ifndef UPROBED_SERVER_SPAN_HANDLER_FUNCTION_H_
#define UPROBED_SERVER_SPAN_HANDLER_FUNCTION_H_

#include "bpf/abi/http_event.h"
#include "server/span/function_names.h"
#include "server/span/span.h"

namespace uprobed::span {

// Sets the function that has served the request of a decoded event, by its full name:
// "main.(*server).handleOrders". Nothing where it is not known; `names` is null where the probe
// does not ask for it.
void SetHandlerFunction(Span& span, const up_http_event& event, const FunctionNames* names);

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_HANDLER_FUNCTION_H_
