#include "client/render_admin.h"

#include "client/escape.h"
#include "client/format.h"
#include "client/render_json.h"
#include "client/table.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

using Diagnostic = v1::RunDiagnosticsResponse::Diagnostic;

std::string HealthName(const Health& health) {
  const std::string name = Health::ServingStatus_Name(health.status());
  return name.empty() ? fmt::format("STATUS {}", static_cast<int>(health.status())) : name;
}

Cell VerdictCell(Diagnostic::Verdict verdict) {
  switch (verdict) {
    case Diagnostic::VERDICT_PASS:
      return {"pass", Colour::kGreen};
    case Diagnostic::VERDICT_WARNING:
      return {"warning", Colour::kYellow};
    case Diagnostic::VERDICT_FAIL:
      return {"FAIL", Colour::kRed};
    default:
      return {"unknown", Colour::kRed};
  }
}

Cell FeatureCell(const v1::Node::Feature& feature) {
  if (feature.available()) return {"yes", Colour::kGreen};
  return feature.required() ? Cell("MISSING", Colour::kRed) : Cell("no", Colour::kYellow);
}

}  // namespace

void PrintStatus(Terminal& terminal, const std::string& address, const Health& health,
                 const v1::Node& node, std::chrono::system_clock::time_point now) {
  const bool serving = health.status() == Health::SERVING;
  Details details;
  details.Add("daemon", Cell(HealthName(health), serving ? Colour::kGreen : Colour::kRed));
  details.Add("address", address);
  details.Add("version", node.version());
  details.Add("up", FormatAge(node.start_time(), now));
  details.Add("host", node.hostname());
  details.Add("kernel", fmt::format("{} {}", node.kernel_release(), node.architecture()));
  details.Add("libbpf", node.libbpf_version());
  details.Add("sqlite", fmt::format("{} (schema version {})", node.sqlite_version(),
                                    node.store_schema_version()));
  details.Print(terminal);
  Table conditions({"CONDITION", "OK", "REASON", "MESSAGE"});
  for (const v1::Node::Condition& condition : node.conditions()) {
    conditions.AddRow({condition.type(),
                       condition.ok() ? Cell("yes", Colour::kGreen) : Cell("NO", Colour::kRed),
                       condition.reason(), condition.message()});
  }
  if (!conditions.empty()) terminal.Line("");
  conditions.Print(terminal);
  Table features({"FEATURE", "THERE", "DETAIL"});
  for (const v1::Node::Feature& feature : node.features()) {
    features.AddRow({feature.name(), FeatureCell(feature), feature.detail()});
  }
  if (!features.empty()) terminal.Line("");
  features.Print(terminal);
}

std::string StatusJson(const Health& health, const v1::Node& node) {
  return fmt::format(R"({{"health":{},"node":{}}})", QuoteJson(HealthName(health)),
                     ToJsonLine(node));
}

void PrintDiagnostics(Terminal& terminal, const v1::RunDiagnosticsResponse& response) {
  Table table({"CHECK", "VERDICT", "MESSAGE"});
  for (const Diagnostic& diagnostic : response.diagnostics()) {
    table.AddRow({diagnostic.check(), VerdictCell(diagnostic.verdict()), diagnostic.message()});
  }
  table.Print(terminal);
  for (const Diagnostic& diagnostic : response.diagnostics()) {
    if (diagnostic.remedy().empty()) continue;
    terminal.Line(fmt::format("{}: {}", EscapeUntrusted(diagnostic.check()),
                              EscapeUntrusted(diagnostic.remedy())));
  }
}

void PrintAuditEvents(Terminal& terminal, const v1::ListAuditEventsResponse& response) {
  Table table({"TIME", "PEER", "METHOD", "RESOURCE", "CODE", "REASON"});
  for (const auto& event : response.events()) {
    const Colour colour = event.code() == "OK" ? Colour::kGreen : Colour::kRed;
    table.AddRow({FormatTime(event.time()), event.peer(), event.method(), event.resource(),
                  Cell(event.code(), colour), event.reason()});
  }
  table.Print(terminal);
}

}  // namespace uprobed::client
