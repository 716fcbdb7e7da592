#include "server/rpc/health_service.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "server/base/errors.h"
#include "server/rpc/status.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

HealthCheckResponse::ServingStatus ToProto(std::optional<bool> serving) {
  if (!serving) return HealthCheckResponse::SERVICE_UNKNOWN;
  return *serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

}  // namespace

grpc::Status HealthService::Check(grpc::ServerContext* /*context*/,
                                  const HealthCheckRequest* request,
                                  HealthCheckResponse* response) {
  return Answer([&]() -> absl::Status {
    const std::optional<bool> serving = state_.IsServing(request->service());
    if (!serving) {
      const std::string name = ToUtf8(request->service(), kMaxQuotedBytes);
      return MakeError(absl::StatusCode::kNotFound, "SERVICE_NOT_FOUND",
                       fmt::format("\"{}\" is no service of this daemon: ask for \"\", "
                                   "\"liveness\", \"readiness\" or a service's full name",
                                   name),
                       {{"service", name}});
    }
    response->set_status(ToProto(serving));
    return absl::OkStatus();
  });
}

grpc::Status HealthService::Watch(grpc::ServerContext* context, const HealthCheckRequest* request,
                                  grpc::ServerWriter<HealthCheckResponse>* writer) {
  return Answer([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto ticket, streams_.Enter());
    bool first = true;
    std::optional<bool> told;
    while (true) {
      // Before the state is read: at shutdown the state changes first, so that the last word told
      // is NOT_SERVING.
      const absl::Status open = streams_.Check(*context);
      const std::optional<bool> now = state_.IsServing(request->service());
      if (first || now != told) {
        HealthCheckResponse response;
        response.set_status(ToProto(now));
        if (!writer->Write(response)) return ClientGone();
        told = now;
        first = false;
      }
      RETURN_IF_ERROR(open);
      state_.WaitForChange(request->service(), told, kCancellationCheckInterval);
    }
  });
}

}  // namespace uprobed::rpc
