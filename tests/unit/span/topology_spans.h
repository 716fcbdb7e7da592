#ifndef UPROBED_TESTS_UNIT_SPAN_TOPOLOGY_SPANS_H_
#define UPROBED_TESTS_UNIT_SPAN_TOPOLOGY_SPANS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "server/span/topology.h"

// Spans that a topology is made of.
namespace uprobed::span {

inline constexpr int64_t kNow = 1'000'000'000'000;  // of the monotonic clock
inline constexpr int64_t kSecond = 1'000'000'000;

inline SpanId Id(uint8_t number) { return {0, 0, 0, 0, 0, 0, 0, number}; }

inline Span Server(uint8_t id, const std::string& route, int64_t end_ns = 1000) {
  Span span;
  span.kind = Kind::kServer;
  span.span_id = Id(id);
  span.service_name = "shop";
  span.route = route;
  span.path = "/path";
  span.start_unix_ns = end_ns - 100;
  span.end_unix_ns = end_ns;
  return span;
}

// A call of stock:8081/reserve; `parent` 0: outside of any request.
inline Span Client(uint8_t parent, int64_t end_ns = 900) {
  Span span;
  span.kind = Kind::kClient;
  span.span_id = Id(200);
  span.parent_span_id = Id(parent);
  span.parent_source = parent == 0 ? ParentSource::kNone : ParentSource::kGoroutine;
  span.service_name = "shop";
  span.path = "/reserve";
  span.server_address = "stock";
  span.server_port = 8081;
  span.network_namespace = 7;
  span.start_unix_ns = end_ns - 10;
  span.end_unix_ns = end_ns;
  return span;
}

inline std::vector<EdgeKey> Keys(const Topology& topology) {
  std::vector<EdgeKey> keys;
  for (const Edge& edge : topology.Snapshot()) keys.push_back(edge.key);
  return keys;
}

// shop calls stock:8081, which is stock-service and serves "/{what}".
struct Pair {
  Span client = Client(0);
  Span server = Server(9, "/{what}");

  Pair() {
    client.method = "POST";
    client.status_code = 200;
    client.start_unix_ns = 100;
    client.end_unix_ns = 900;
    server.method = "POST";
    server.service_name = "stock-service";
    server.path = "/reserve";
    server.start_unix_ns = 200;
    server.end_unix_ns = 800;
  }
};

inline const EdgeKey kInside{"shop", "none", "stock-service", "/{what}"};
inline const EdgeKey kFromOutside{"outside", "none", "stock-service", "/{what}"};
inline constexpr int64_t kAfterWait = kNow + 11 * kSecond;

inline void MakeRpc(Span& span, const std::string& method) {
  span.rpc_system = "grpc";
  span.rpc_service = "shop.v1.Stock";
  span.rpc_method = method;
  span.rpc_status_code = 0;
  span.status_code = 0;
  span.method = span.path = span.route = "";
}

}  // namespace uprobed::span

#endif  // UPROBED_TESTS_UNIT_SPAN_TOPOLOGY_SPANS_H_
