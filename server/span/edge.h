#ifndef UPROBED_SERVER_SPAN_EDGE_H_
#define UPROBED_SERVER_SPAN_EDGE_H_

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "server/span/name.h"

namespace uprobed::span {

inline constexpr const char* kNobody =
    "none";  // callee of who calls nobody; function of who serves nothing
inline constexpr const char* kOutside = "outside";  // caller that is no probed service
inline constexpr const char* kOverflow = "_other";  // the edge that takes what exceeds the bound
inline constexpr const char* kUnknown = "unknown";  // a function or callee that was never seen

// Who calls whom, at the level of functions. A function is that which serves the request, where the
// probe asks for it and it is known; else the route of the request being served, or its path
// without identifiers (PathTemplate) where no route is known.
struct EdgeKey {
  Name caller;  // service.name, or "outside"
  // What is being served; "none" outside of any request, "unknown" where the server span that
  // would tell it never came.
  Name caller_function;
  Name callee;           // service.name where it is a probed service, else host:port
  Name callee_function;  // of the callee's own span where it was seen, else the path called
  // clang-tidy 14 takes the comparison with 0 that the compiler writes for a null pointer.
  auto operator<=>(const EdgeKey&) const = default;
  std::array<std::string_view, 4> values() const {
    return {caller, caller_function, callee, callee_function};
  }
  template <typename Hash>
  friend Hash AbslHashValue(Hash state, const EdgeKey& key) {
    return Hash::combine(std::move(state), key.caller, key.caller_function, key.callee,
                         key.callee_function);
  }
};

struct Edge {
  EdgeKey key{};
  uint64_t count = 0;
  uint64_t errors = 0;
  int64_t latency_sum_ns = 0;
  int64_t latency_max_ns = 0;
  int64_t first_seen_unix_ns = 0;  // the count is since then
  int64_t last_seen_unix_ns = 0;
  // The function was made of paths (PathTemplate): no request of the edge had a route.
  bool caller_function_derived = false;
  bool callee_function_derived = false;
};

// One request that an edge counts.
struct Call {
  EdgeKey key{};
  bool caller_function_derived = false;
  bool callee_function_derived = false;
  // The network namespace in which `key.callee` is an address that is not known to be a service.
  // The same address in another one may be another program.
  std::optional<uint64_t> unresolved_in{};
  bool is_error = false;
  int64_t latency_ns = 0;  // of the caller; of the callee where the caller is outside
  int64_t end_unix_ns = 0;
  // Of the callee's own span, where it was seen.
  std::optional<int64_t> served_latency_ns{};
  bool served_is_error = false;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_EDGE_H_
