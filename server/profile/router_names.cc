#include "server/profile/router_names.h"

#include <algorithm>

#include "bpf/abi/site_cookie.h"
#include "server/profile/fields.h"

namespace uprobed::profile {
namespace {

// (p *Pool) Put(x any): the context that the router has lent to the request.
constexpr std::string_view kGiveBack = "sync.(*Pool).Put";
constexpr size_t kGivenBack = 2;

}  // namespace

std::span<const Router> AllRouters() {
  static const auto& routers =
      *new std::vector<Router>{{UP_ROUTER_GIN,
                                "gin",
                                "github.com/gin-gonic/gin.(*Engine).ServeHTTP",
                                kGiveBack,
                                kGivenBack,
                                {UP_FIELD_GIN_CONTEXT_FULL_PATH}},
                               {UP_ROUTER_CHI,
                                "chi",
                                "github.com/go-chi/chi/v5.(*Mux).ServeHTTP",
                                kGiveBack,
                                kGivenBack,
                                {UP_FIELD_CHI_CONTEXT_ROUTE_PATTERNS}},
                               {UP_ROUTER_CHI1,
                                "chi",
                                "github.com/go-chi/chi.(*Mux).ServeHTTP",
                                kGiveBack,
                                kGivenBack,
                                {UP_FIELD_CHI1_CONTEXT_ROUTE_PATTERNS}},
                               {UP_ROUTER_ECHO,
                                "echo",
                                "github.com/labstack/echo/v4.(*Echo).ServeHTTP",
                                kGiveBack,
                                kGivenBack,
                                {UP_FIELD_ECHO_CONTEXT_PATH}},
                               // requestWithRoute(r *http.Request, route *Route)
                               {UP_ROUTER_GORILLA,
                                "gorilla/mux",
                                "github.com/gorilla/mux.(*Router).ServeHTTP",
                                "github.com/gorilla/mux.requestWithRoute",
                                1,
                                {UP_FIELD_GORILLA_ROUTE_PATH, UP_FIELD_GORILLA_REGEXP_TEMPLATE}}};
  return routers;
}

const Router* FindRouter(std::string_view function) {
  const std::span<const Router> all = AllRouters();
  const auto found = std::find_if(all.begin(), all.end(), [function](const Router& router) {
    return router.function == function;
  });
  return found == all.end() ? nullptr : &*found;
}

bool KnowsRoute(const Site& site, const std::map<std::string, FieldOffset>& fields) {
  const Router* router = FindRouter(site.function);
  return router != nullptr &&
         std::all_of(router->fields.begin(), router->fields.end(), [&fields](up_field field) {
           return fields.contains(FieldKey(AllFields()[field]));
         });
}

}  // namespace uprobed::profile
