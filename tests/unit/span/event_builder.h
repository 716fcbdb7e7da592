#ifndef UPROBED_TESTS_UNIT_SPAN_EVENT_BUILDER_H_
#define UPROBED_TESTS_UNIT_SPAN_EVENT_BUILDER_H_

#include <cstdint>
#include <cstring>
#include <string_view>

#include "bpf/abi/http_event.h"

namespace uprobed::span {

// Puts `text` into one string of `event`, as the BPF programs do.
template <size_t kSize>
void SetString(up_http_event& event, char (&array)[kSize], unsigned index, std::string_view text) {
  const size_t length = text.size() < kSize ? text.size() : kSize;
  std::memcpy(array, text.data(), length);
  event.lengths[index] = static_cast<uint16_t>(length);
  if (text.size() > kSize) event.truncated = static_cast<uint8_t>(event.truncated | 1U << index);
}

// GET http://127.0.0.1:8080/items/7?q=1 with route, from 10.0.0.9:4711, took 5 ms, answered 200.
inline up_http_event ServerEvent() {
  up_http_event event{};
  event.kind = UP_EVENT_HTTP_SERVER;
  event.start_ns = 1'000'000;
  event.end_ns = 6'000'000;
  event.goroutine = 0xc000012000;
  event.request_size = 0;
  event.response_size = 12;
  event.tgid = 42;
  event.status = 200;
  event.protocol_major = 1;
  event.protocol_minor = 1;
  event.trace_id[15] = 1;
  event.span_id[7] = 2;
  SetString(event, event.method, UP_STRING_METHOD, "GET");
  SetString(event, event.host, UP_STRING_HOST, "127.0.0.1:8080");
  SetString(event, event.target, UP_STRING_TARGET, "/items/7?q=1");
  SetString(event, event.route, UP_STRING_ROUTE, "GET /items/{id}");
  SetString(event, event.peer, UP_STRING_PEER, "10.0.0.9:4711");
  return event;
}

// POST http://stock:8081/reserve, took 5 ms, answered 201.
inline up_http_event ClientEvent() {
  up_http_event event{};
  event.kind = UP_EVENT_HTTP_CLIENT;
  event.start_ns = 1'000'000;
  event.end_ns = 6'000'000;
  event.request_size = 3;
  event.response_size = -1;
  event.tgid = 42;
  event.status = 201;
  event.protocol_major = 1;
  event.protocol_minor = 1;
  event.trace_id[15] = 1;
  event.span_id[7] = 3;
  SetString(event, event.method, UP_STRING_METHOD, "POST");
  SetString(event, event.scheme, UP_STRING_SCHEME, "http");
  SetString(event, event.host, UP_STRING_HOST, "stock:8081");
  SetString(event, event.target, UP_STRING_TARGET, "/reserve");
  return event;
}

}  // namespace uprobed::span

#endif  // UPROBED_TESTS_UNIT_SPAN_EVENT_BUILDER_H_
