#ifndef UPROBED_SERVER_SPAN_GRPC_PARTS_H_
#define UPROBED_SERVER_SPAN_GRPC_PARTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "bpf/abi/http_event.h"
#include "server/span/span.h"

namespace uprobed::span {

// What "/shop.v1.Stock/Reserve" names. A text that is no such path is a method of no service, and
// what is cut before its last slash a service without a method.
struct FullMethod {
  std::string_view service;
  std::string_view method;
};
FullMethod ParseFullMethod(std::string_view path);

// "NOT_FOUND" for 5; the number for what gRPC has no name for.
std::string GrpcCodeName(uint32_t code);

// The name of the code where it is an error of that side, as OpenTelemetry sees it: any but OK for
// a client, and for a server those that are not the client's fault. Empty where it is none.
std::string GrpcErrorType(Kind kind, uint32_t code);

// The other end of a connection: 192.0.2.1, fe80::1%eth0.
struct Peer {
  std::string address;
  uint32_t port = 0;
};
// That of `event`, which has a struct up_tcp_address, as net.TCPAddr.String writes it.
Peer ReadTcpPeer(const up_http_event& event);

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_GRPC_PARTS_H_
