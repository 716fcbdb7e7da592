#ifndef UPROBED_SERVER_PROFILE_ROUTER_NAMES_H_
#define UPROBED_SERVER_PROFILE_ROUTER_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/abi/profile_slot.h"
#include "server/profile/profile.h"

namespace uprobed::profile {

// A router of requests whose templates are known.
struct Router {
  uint8_t number;             // UP_ROUTER_*
  std::string_view name;      // "gin"
  std::string_view function;  // that serves a request: the sites are in it
  std::string_view callee;    // where it is called, the template is known
  size_t word;                // of the arguments: from it the fields below lead to the template
  std::vector<up_field> fields;
};

std::span<const Router> AllRouters();

// That whose sites lie in `function`; nullptr where there is none.
const Router* FindRouter(std::string_view function);

// Whether `fields` lead from a kServerRoute to the template.
bool KnowsRoute(const Site& site, const std::map<std::string, FieldOffset>& fields);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_ROUTER_NAMES_H_
