#include "server/span/handler_function.h"

#include <string_view>

#include "server/span/text.h"

namespace uprobed::span {
namespace {

// What the compiler calls the function behind a method value, as in mux.HandleFunc("/", s.serve)
// (cmd/compile/internal/ir/func.go, MethodSymSuffix).
constexpr std::string_view kMethodValue = "-fm";

std::string_view NameOf(uint64_t function, const FunctionNames& names) {
  if (function == UP_HANDLER_NOT_FOUND) return "net/http.NotFound";
  if (function == UP_HANDLER_REDIRECT) return "net/http.(*redirectHandler).ServeHTTP";
  std::string_view name = names.Find(function);
  if (name.ends_with(kMethodValue)) name.remove_suffix(kMethodValue.size());
  return name;
}

}  // namespace

void SetHandlerFunction(Span& span, const up_http_event& event, const FunctionNames* names) {
  if (names == nullptr || event.kind != UP_EVENT_HTTP_SERVER || event.handler_function == 0) return;
  const bool of_server = (event.flags & UP_FLAG_SERVER_HANDLER) != 0;
  // "OPTIONS *" is for no handler of the program: net/http answers it, unless it is told not to
  // (src/net/http/server.go, serverHandler.ServeHTTP).
  if (of_server && span.path == "*") return;
  AppendSanitized(NameOf(event.handler_function, *names), span.function);
  span.function_of_server = of_server && !span.function.empty();
}

}  // namespace uprobed::span
