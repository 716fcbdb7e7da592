// Fuzzes what the kernel answers when it is asked for listening sockets.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "server/control/socket_diag.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto part = uprobed::control::ParseSocketDiag(bytes);
  // Each socket is of bytes that are there.
  if (part.has_value() && part->sockets.size() > size) std::abort();
  return 0;
}
