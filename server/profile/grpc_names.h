#ifndef UPROBED_SERVER_PROFILE_GRPC_NAMES_H_
#define UPROBED_SERVER_PROFILE_GRPC_NAMES_H_

#include <optional>
#include <string>
#include <string_view>

#include "server/profile/profile.h"

namespace uprobed::profile {

// The functions of google.golang.org/grpc 1.42 to 1.85 whose code holds sites.
inline constexpr std::string_view kGrpcHandleStream =
    "google.golang.org/grpc.(*Server).handleStream";
// One that serves unary requests and sends their responses by itself, before 1.8x.
inline constexpr std::string_view kGrpcProcessUnary =
    "google.golang.org/grpc.(*Server).processUnaryRPC";
// Exported before 1.69; by the transport of Serve, and that of ServeHTTP.
inline constexpr std::string_view kGrpcWriteStatus[] = {
    "google.golang.org/grpc/internal/transport.(*http2Server).writeStatus",
    "google.golang.org/grpc/internal/transport.(*http2Server).WriteStatus",
    "google.golang.org/grpc/internal/transport.(*serverHandlerTransport).writeStatus",
    "google.golang.org/grpc/internal/transport.(*serverHandlerTransport).WriteStatus"};
inline constexpr std::string_view kGrpcNewStream =
    "google.golang.org/grpc.newClientStreamWithParams";
inline constexpr std::string_view kGrpcWithRetry =
    "google.golang.org/grpc.(*clientStream).withRetry";
inline constexpr std::string_view kGrpcFinish = "google.golang.org/grpc.(*clientStream).finish";
inline constexpr std::string_view kGrpcError =
    "google.golang.org/grpc/internal/status.(*Error).Error";

// Whether a site of this kind, one of gRPC's, lies in a function of this name.
bool LiesInGrpc(SiteKind kind, std::string_view function);

// Whether the site is where the transport of ServeHTTP writes the status of a stream.
bool IsOfHandlerTransport(const Site& site);

// What is wrong with the sites of gRPC: each side has a start and an end, or nothing; of a start
// and of kGrpcStatusError there is no more than one, and that is there with a start. nullopt where
// that is so.
std::optional<std::string> GrpcFlaw(const Profile& profile);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_GRPC_NAMES_H_
