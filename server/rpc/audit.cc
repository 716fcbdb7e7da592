#include "server/rpc/audit.h"

#include <spdlog/spdlog.h>

#include "server/base/clock.h"
#include "server/base/errors.h"
#include "server/rpc/status.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

// A caller chooses the resource's text; the table must not grow by it.
constexpr size_t kMaxResourceBytes = 256;

}  // namespace

void Auditor::Record(const grpc::ServerContext& context, const std::string& method,
                     const std::string& resource, const absl::Status& outcome) {
  const absl::Status written = CatchExceptions([&] {
    return store_.AppendAudit({
        .time_unix_ns = UnixNanosNow(),
        .peer = context.peer(),
        .method = method,
        .resource = ToUtf8(resource, kMaxResourceBytes),
        .code = absl::StatusCodeToString(outcome.code()),
        .reason = outcome.ok() ? "" : ReasonOf(outcome),
    });
  });
  if (!written.ok()) {
    spdlog::error("audit row lost method={} peer={} outcome={}: {}", method, context.peer(),
                  absl::StatusCodeToString(outcome.code()), std::string(written.message()));
  }
}

}  // namespace uprobed::rpc
