#ifndef UPROBED_SERVER_SPAN_ASSEMBLER_H_
#define UPROBED_SERVER_SPAN_ASSEMBLER_H_

#include <memory>
#include <string>

#include "bpf/abi/http_event.h"
#include "server/base/clock.h"
#include "server/span/derived_routes.h"
#include "server/span/error_type.h"
#include "server/span/function_names.h"
#include "server/span/span.h"

namespace uprobed::span {

// What is known about the process and probe that an event belongs to.
struct EventSource {
  std::string probe{};  // its id: "shop"
  std::string service_name{};
  std::string binary_path{};
  uint64_t network_namespace = 0;
  bool capture_query = false;
  std::shared_ptr<const ErrorMethods> error_methods{};  // null: none is known
  std::shared_ptr<DerivedRoutes> derived_routes{};      // of the binary; null: none is derived
  // Of the binary; null: the probe does not ask for the functions that serve.
  std::shared_ptr<const FunctionNames> function_names{};
};

// Makes the span of one decoded event: wall-clock times, method normalised, target split into path
// and query, host into address and port, pattern into route, status into error.type (server: 5xx;
// client: 4xx and 5xx; a Go error: its type). No I/O, and no state but what the source knows of
// derived routes.
Span Assemble(const up_http_event& event, const EventSource& source, const WallClock& clock);
// The same, into a span whose strings keep their memory, so that one after the other allocates
// nothing.
void Assemble(const up_http_event& event, const EventSource& source, const WallClock& clock,
              Span& span);

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_ASSEMBLER_H_
