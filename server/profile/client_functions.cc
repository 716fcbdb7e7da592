#include "server/profile/client_functions.h"

#include <algorithm>
#include <array>

#include "server/profile/sites.h"

namespace uprobed::profile {
namespace {

constexpr std::array<std::string_view, 1> kExchanges = {kExchangeFunction};
// A method that only calls the next one may be in its caller's code.
constexpr std::array<std::string_view, 3> kModuleExchanges = {
    "golang.org/x/net/http2.(*ClientConn).RoundTrip",
    "golang.org/x/net/http2.(*ClientConn).roundTrip",
    "golang.org/x/net/http2.(*ClientConn).internalRoundTrip"};
constexpr std::string_view kModuleRewind = "golang.org/x/net/http2.shouldRetryRequest";

constexpr ClientFunction kNetHttp = {kRoundTripFunction, kExchanges, "net/http.rewindBody", true};
constexpr std::array<ClientFunction, 2> kModule = {{
    {"golang.org/x/net/http2.(*Transport).RoundTripOpt", kModuleExchanges, kModuleRewind, false},
    {"golang.org/x/net/http2.(*Transport).roundTripViaPool", kModuleExchanges, kModuleRewind,
     false},
}};

}  // namespace

const ClientFunction& NetHttpClientFunction() { return kNetHttp; }

std::span<const ClientFunction> ModuleClientFunctions() { return kModule; }

bool IsModuleClientFunction(std::string_view name) {
  return std::any_of(kModule.begin(), kModule.end(),
                     [name](const ClientFunction& function) { return function.name == name; });
}

}  // namespace uprobed::profile
