#include "server/rpc/convert_edge.h"

#include <cstdint>

#include "server/rpc/convert_time.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {

void FillEdgeNames(const span::EdgeKey& from, v1::Topology::Edge& to) {
  to.set_caller(ToUtf8(from.caller));
  to.set_caller_function(ToUtf8(from.caller_function));
  to.set_callee(ToUtf8(from.callee));
  to.set_callee_function(ToUtf8(from.callee_function));
}

void FillEdge(const span::Edge& from, v1::Topology::Edge& to) {
  FillEdgeNames(from.key, to);
  to.set_count(from.count);
  to.set_errors(from.errors);
  const int64_t average =
      from.count == 0 ? 0 : from.latency_sum_ns / static_cast<int64_t>(from.count);
  *to.mutable_latency_average() = ToDuration(average);
  *to.mutable_latency_max() = ToDuration(from.latency_max_ns);
  *to.mutable_last_seen_time() = ToTimestamp(from.last_seen_unix_ns);
  *to.mutable_first_seen_time() = ToTimestamp(from.first_seen_unix_ns);
  to.set_caller_function_derived(from.caller_function_derived);
  to.set_callee_function_derived(from.callee_function_derived);
}

}  // namespace uprobed::rpc
