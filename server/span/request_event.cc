#include "server/span/request_event.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace uprobed::span {
namespace {

template <size_t kFrom, size_t kTo>
void CopyString(const char (&from)[kFrom], uint16_t length, unsigned index, char (&to)[kTo],
                up_http_event& event) {
  const size_t size = std::min<size_t>({length, kFrom, kTo});
  std::copy_n(from, size, to);
  event.lengths[index] = static_cast<uint16_t>(size);
}

}  // namespace

up_http_event MakeRequestEvent(const up_request_key& key) {
  up_http_event event{};
  event.kind = key.kind;
  event.slot = key.slot;
  event.tgid = key.tgid;
  event.status = key.status;
  event.flags = key.flags;
  event.protocol_major = key.protocol_major;
  event.protocol_minor = key.protocol_minor;
  event.truncated = key.truncated;
  event.unread = key.unread;
  event.http2 = key.http2;
  event.request_size = -1;
  event.response_size = -1;
  event.error_method = key.error_method;
  event.error_value = key.error_value;
  CopyString(key.method, key.method_length, UP_STRING_METHOD, event.method, event);
  CopyString(key.scheme, key.scheme_length, UP_STRING_SCHEME, event.scheme, event);
  CopyString(key.host, key.host_length, UP_STRING_HOST, event.host, event);
  if (key.kind == UP_EVENT_GRPC_SERVER || key.kind == UP_EVENT_GRPC_CLIENT) {
    CopyString(key.name, key.name_length, UP_STRING_TARGET, event.target, event);
  } else {
    CopyString(key.name, key.name_length, UP_STRING_ROUTE, event.route, event);
  }
  return event;
}

}  // namespace uprobed::span
