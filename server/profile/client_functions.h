#ifndef UPROBED_SERVER_PROFILE_CLIENT_FUNCTIONS_H_
#define UPROBED_SERVER_PROFILE_CLIENT_FUNCTIONS_H_

#include <span>
#include <string_view>

namespace uprobed::profile {

// A function that makes the requests of a client: it takes a *http.Request, gets a connection,
// makes the request there, again where that may help, and returns (*http.Response, error).
struct ClientFunction {
  std::string_view name;
  // What it may call on a connection, of which a binary has one.
  std::span<const std::string_view> exchanges;
  // Called before the request is tried again; what it returns is an error of its own.
  std::string_view rewind;
  // Whether it makes requests of HTTP/2 by an interface call, whose results meet those of the
  // exchange.
  bool joins_interface_call;
};

// net/http.(*Transport).roundTrip, which every caller of net/http ends up in.
const ClientFunction& NetHttpClientFunction();

// The same of golang.org/x/net/http2, for who uses its Transport directly, or has net/http use it:
// a binary has one of these.
std::span<const ClientFunction> ModuleClientFunctions();
bool IsModuleClientFunction(std::string_view name);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_CLIENT_FUNCTIONS_H_
