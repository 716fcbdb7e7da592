#include "server/profile/grpc_names.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace uprobed::profile {

bool LiesInGrpc(SiteKind kind, std::string_view function) {
  switch (kind) {
    case SiteKind::kGrpcServerStart:
      return function == kGrpcHandleStream;
    case SiteKind::kGrpcServerEnd:
      return std::find(std::begin(kGrpcWriteStatus), std::end(kGrpcWriteStatus), function) !=
             std::end(kGrpcWriteStatus);
    case SiteKind::kGrpcServerGone:
      return function == kGrpcProcessUnary;
    case SiteKind::kGrpcClientStart:
      return function == kGrpcNewStream;
    case SiteKind::kGrpcClientEnd:
      return function == kGrpcNewStream || function == kGrpcWithRetry;
    case SiteKind::kGrpcClientFinish:
      return function == kGrpcFinish;
    case SiteKind::kGrpcClientFailed:
      return function == kGrpcWithRetry;
    case SiteKind::kGrpcStatusError:
      return function == kGrpcError;
    default:
      return false;
  }
}

bool IsOfHandlerTransport(const Site& site) {
  constexpr std::string_view kHandlerTransport =
      "google.golang.org/grpc/internal/transport.(*serverHandlerTransport).";
  return site.kind == SiteKind::kGrpcServerEnd && site.function.starts_with(kHandlerTransport);
}

std::optional<std::string> GrpcFlaw(const Profile& profile) {
  std::map<SiteKind, int> count;
  for (const Site& site : profile.sites) ++count[site.kind];
  const auto lacks = [&count](SiteKind kind) { return count[kind] == 0; };
  const auto repeats = [&count](SiteKind kind) { return count[kind] > 1; };
  if (repeats(SiteKind::kGrpcServerStart) || repeats(SiteKind::kGrpcClientStart) ||
      repeats(SiteKind::kGrpcStatusError)) {
    return "gRPC has more than one start, or more than one kind of error";
  }
  const bool server = profile.Has(Instrumentation::kGrpcServer);
  if (server && (lacks(SiteKind::kGrpcServerStart) || lacks(SiteKind::kGrpcServerEnd))) {
    return "the sites of gRPC's server lack a start or an end";
  }
  const bool client = profile.Has(Instrumentation::kGrpcClient);
  if (client && (lacks(SiteKind::kGrpcClientStart) || lacks(SiteKind::kGrpcClientEnd) ||
                 lacks(SiteKind::kGrpcClientFinish))) {
    return "the sites of gRPC's client lack a start or an end";
  }
  if ((server || client) == lacks(SiteKind::kGrpcStatusError)) {
    return "the sites of gRPC lack the code that tells errors, or are not there for it";
  }
  return std::nullopt;
}

}  // namespace uprobed::profile
