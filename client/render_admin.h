#ifndef UPROBED_CLIENT_RENDER_ADMIN_H_
#define UPROBED_CLIENT_RENDER_ADMIN_H_

#include <chrono>
#include <string>

#include "client/terminal.h"
#include "grpc/health/v1/health.pb.h"
#include "uprobed/v1/admin.pb.h"

namespace uprobed::client {

using Health = grpc::health::v1::HealthCheckResponse;

// `uprobectl status`: whether the daemon serves, and each of its conditions.
void PrintStatus(Terminal& terminal, const std::string& address, const Health& health,
                 const v1::Node& node, std::chrono::system_clock::time_point now);
// {"health":"SERVING","node":{...}}
std::string StatusJson(const Health& health, const v1::Node& node);

// `uprobectl doctor`: each check, and what to do where it failed.
void PrintDiagnostics(Terminal& terminal, const v1::RunDiagnosticsResponse& response);
// `uprobectl audit`
void PrintAuditEvents(Terminal& terminal, const v1::ListAuditEventsResponse& response);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_RENDER_ADMIN_H_
