#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "client/commands.h"
#include "client/escape.h"
#include "client/failure.h"
#include "client/render_admin.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

grpc::Status GetNode(Session& session, v1::Node* node) {
  Connection& connection = session.connection();
  return connection.Unary([&](grpc::ClientContext* context) {
    return connection.admin().GetNode(context, v1::GetNodeRequest(), node);
  });
}

bool IsReady(const Health& health, const v1::Node& node) {
  return health.status() == Health::SERVING &&
         std::all_of(node.conditions().begin(), node.conditions().end(),
                     [](const v1::Node::Condition& condition) { return condition.ok(); });
}

ExitCode Status(Session& session) {
  Connection& connection = session.connection();
  Health health;
  grpc::Status status = connection.Unary([&](grpc::ClientContext* context) {
    return connection.health().Check(context, grpc::health::v1::HealthCheckRequest(), &health);
  });
  if (!status.ok()) return session.Fail(status);
  v1::Node node;
  status = GetNode(session, &node);
  if (!status.ok()) return session.Fail(status);
  if (session.json()) {
    session.terminal().Line(StatusJson(health, node));
  } else {
    PrintStatus(session.terminal(), connection.address(), health, node, session.now());
  }
  return IsReady(health, node) ? ExitCode::kOk : ExitCode::kDegraded;
}

ExitCode Doctor(Session& session) {
  Connection& connection = session.connection();
  v1::RunDiagnosticsResponse response;
  const grpc::Status status = connection.Unary([&](grpc::ClientContext* context) {
    return connection.admin().RunDiagnostics(context, v1::RunDiagnosticsRequest(), &response);
  });
  if (!status.ok()) return session.Fail(status);
  if (session.json()) {
    session.PrintJson(response);
  } else {
    PrintDiagnostics(session.terminal(), response);
  }
  using Diagnostic = v1::RunDiagnosticsResponse::Diagnostic;
  const auto failed = [](const Diagnostic& diagnostic) {
    return diagnostic.verdict() == Diagnostic::VERDICT_FAIL;
  };
  return std::any_of(response.diagnostics().begin(), response.diagnostics().end(), failed)
             ? ExitCode::kDegraded
             : ExitCode::kOk;
}

ExitCode Audit(Session& session, int32_t limit) {
  Connection& connection = session.connection();
  v1::ListAuditEventsRequest request;
  request.set_page_size(limit);
  v1::ListAuditEventsResponse response;
  const grpc::Status status = connection.Unary([&](grpc::ClientContext* context) {
    return connection.admin().ListAuditEvents(context, request, &response);
  });
  if (!status.ok()) return session.Fail(status);
  if (session.json()) {
    session.PrintJson(response);
  } else {
    PrintAuditEvents(session.terminal(), response);
  }
  return ExitCode::kOk;
}

// The client's version is told even where no daemon answers.
ExitCode Version(Session& session) {
  if (!session.json()) session.terminal().Line("client " UPROBED_VERSION);
  v1::Node node;
  const grpc::Status status = GetNode(session, &node);
  if (session.json()) {
    session.terminal().Line(fmt::format(R"({{"client":{},"server":{}}})",
                                        QuoteJson(UPROBED_VERSION),
                                        status.ok() ? QuoteJson(node.version()) : "null"));
  } else if (status.ok()) {
    session.terminal().Line(fmt::format("server {}", EscapeUntrusted(node.version())));
  }
  return status.ok() ? ExitCode::kOk : session.Fail(status);
}

}  // namespace

void AddAdminCommands(CLI::App& app, Command& chosen) {
  app.add_subcommand("status", "Show whether the daemon serves: exit code 0, 3 or 4")
      ->callback([&chosen] { chosen = Status; });
  app.add_subcommand("doctor", "Check what the daemon needs, and say what to do")
      ->callback([&chosen] { chosen = Doctor; });
  const auto limit = std::make_shared<int32_t>(0);
  CLI::App* audit = app.add_subcommand("audit", "Show who changed what, newest first");
  audit->add_option("--limit", *limit, "At most so many, up to 1000; else 100")
      ->check(CLI::Range(1, 1000));
  audit->callback(
      [&chosen, limit] { chosen = [limit](Session& session) { return Audit(session, *limit); }; });
  app.add_subcommand("version", "Show the versions of client and daemon")->callback([&chosen] {
    chosen = Version;
  });
}

}  // namespace uprobed::client
