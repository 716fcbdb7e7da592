#include "client/probe_outcome.h"

#include "client/failure.h"
#include "client/render_probe.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

ExitCode ReportState(Session& session, const v1::Probe& probe) {
  const v1::ProbeStatus& status = probe.status();
  const v1::ProbeError& error = status.error();
  switch (status.state()) {
    case v1::Probe::STATE_FAILED: {
      // Even an error without a code is an error.
      const grpc::StatusCode code =
          error.code() == 0 ? grpc::StatusCode::INTERNAL : ToStatusCode(error.code());
      return session.Fail(
          MakeFailure(code, error.reason(),
                      fmt::format("{} is kept, but failed: {}", probe.name(), error.message())));
    }
    case v1::Probe::STATE_DEGRADED:
    case v1::Probe::STATE_SUSPENDED:
      session.Warn(fmt::format("{}: {}", error.reason(), error.message()));
      return ExitCode::kDegraded;
    case v1::Probe::STATE_WAITING:
      session.Warn(error.message().empty() ? "the program is not there yet; it is attached as soon "
                                             "as it is"
                                           : error.message());
      return ExitCode::kOk;
    default:
      return ExitCode::kOk;
  }
}

}  // namespace

ExitCode ShowOutcome(Session& session, const v1::Probe& probe) {
  if (session.json()) {
    session.PrintJson(probe);
  } else {
    PrintProbeState(session.terminal(), probe);
  }
  return ReportState(session, probe);
}

}  // namespace uprobed::client
