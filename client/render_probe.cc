#include "client/render_probe.h"

#include <algorithm>

#include "client/escape.h"
#include "client/format.h"
#include "client/parse.h"
#include "client/span_limits_options.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace uprobed::client {
namespace {

constexpr std::string_view kStatePrefix = "STATE_";

std::string TargetOf(const v1::Probe& probe) {
  const std::string& path = probe.status().binary_path();
  if (probe.spec().target_case() == v1::ProbeSpec::kPid) {
    return path.empty() ? fmt::format("pid {}", probe.spec().pid())
                        : fmt::format("pid {} ({})", probe.spec().pid(), path);
  }
  return probe.spec().binary_path();
}

std::string SitesOf(const v1::ProbeStatus& status) {
  if (status.single_stepped_sites() == 0) return fmt::format("{}", status.attached_sites());
  return fmt::format("{} ({} single-stepped)", status.attached_sites(),
                     status.single_stepped_sites());
}

std::string Count(int64_t count, std::string_view singular, std::string_view plural) {
  return fmt::format("{} {}", count, count == 1 ? singular : plural);
}

template <class Map>
std::string JoinMap(const Map& map) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : map) parts.push_back(fmt::format("{}={}", key, value));
  // A protobuf map has no order.
  std::sort(parts.begin(), parts.end());
  return fmt::format("{}", fmt::join(parts, " "));
}

std::string CausalityOf(const v1::ProbeSpec& spec) {
  std::string names = spec.causality().goroutines() ? "goroutines" : "";
  if (spec.causality().channels()) names += names.empty() ? "channels" : " channels";
  return names;
}

std::string TimingOf(const v1::ProbeSpec& spec) {
  std::string names = spec.timing().server_first_byte() ? "first-byte" : "";
  if (spec.timing().client_body()) names += names.empty() ? "body" : " body";
  return names;
}

std::string InstrumentationsOf(const v1::ProbeSpec& spec) {
  if (spec.instrumentations().empty()) return "all that the binary has";
  std::vector<std::string> names;
  for (const int value : spec.instrumentations()) {
    names.push_back(InstrumentationName(static_cast<v1::Instrumentation>(value)));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string Percent(double ratio) { return fmt::format("{:.3g}%", ratio * 100); }

// "0.4% of 1%, sampled"
std::string OverheadOf(const v1::Probe& probe) {
  std::string text = Percent(probe.status().overhead_ratio());
  // 0: there is no limit.
  if (probe.spec().max_overhead() > 0) {
    text += fmt::format(" of {}", Percent(probe.spec().max_overhead()));
  }
  switch (probe.status().throttle_level()) {
    case v1::ProbeStatus::THROTTLE_LEVEL_SAMPLED:
      return text + ", sampled";
    case v1::ProbeStatus::THROTTLE_LEVEL_METRICS_ONLY:
      return text + ", metrics only";
    case v1::ProbeStatus::THROTTLE_LEVEL_SUSPENDED:
      return text + ", suspended";
    default:
      return text;
  }
}

std::string ErrorOf(const v1::ProbeError& error) {
  if (error.reason().empty() && error.message().empty()) return "";
  return fmt::format("{}: {}", error.reason(), error.message());
}

// "yes, since ...", "no, since ...: WHY: ..."
Cell ConditionCell(const v1::ProbeCondition& condition) {
  const std::string since = FormatTime(condition.last_transition_time());
  switch (condition.status()) {
    case v1::ProbeCondition::STATUS_TRUE:
      return Cell(fmt::format("yes, since {}", since), Colour::kGreen);
    case v1::ProbeCondition::STATUS_FALSE:
      return Cell(
          fmt::format("no, since {}: {}: {}", since, condition.reason(), condition.message()),
          Colour::kRed);
    default:
      return Cell("unknown", Colour::kDim);
  }
}

std::string EventName(v1::WatchProbesResponse::Type type) {
  switch (type) {
    case v1::WatchProbesResponse::TYPE_ADDED:
      return "ADDED";
    case v1::WatchProbesResponse::TYPE_MODIFIED:
      return "MODIFIED";
    case v1::WatchProbesResponse::TYPE_DELETED:
      return "DELETED";
    default:
      return "UNKNOWN";
  }
}

}  // namespace

std::string StateName(v1::Probe::State state) {
  std::string name = v1::Probe::State_Name(state);
  if (name.empty()) return fmt::format("STATE {}", static_cast<int>(state));
  return name.substr(kStatePrefix.size());
}

Colour StateColour(v1::Probe::State state) {
  switch (state) {
    case v1::Probe::STATE_ACTIVE:
      return Colour::kGreen;
    case v1::Probe::STATE_DEGRADED:
    case v1::Probe::STATE_WAITING:
    case v1::Probe::STATE_PENDING:
    case v1::Probe::STATE_SUSPENDED:
      return Colour::kYellow;
    case v1::Probe::STATE_FAILED:
      return Colour::kRed;
    case v1::Probe::STATE_DISABLED:
      return Colour::kDim;
    default:
      return Colour::kNone;
  }
}

uint64_t TotalLosses(const v1::Probe& probe) {
  uint64_t total = 0;
  for (const auto& [cause, count] : probe.status().counters().losses()) total += count;
  return total;
}

void PrintProbes(Terminal& terminal, const std::vector<v1::Probe>& probes,
                 std::chrono::system_clock::time_point now) {
  Table table({"NAME", "STATE", "TARGET", "SERVICE", "SITES", Column("PIDS", Align::kRight),
               Column("SPANS", Align::kRight), Column("LOST", Align::kRight), "OVERHEAD",
               Column("AGE", Align::kRight)});
  for (const v1::Probe& probe : probes) {
    const v1::ProbeStatus& status = probe.status();
    const uint64_t lost = TotalLosses(probe);
    table.AddRow(
        {ShortName(probe.name()), Cell(StateName(status.state()), StateColour(status.state())),
         TargetOf(probe), probe.spec().service_name(), SitesOf(status),
         fmt::format("{}", status.pids_size()), fmt::format("{}", status.counters().spans()),
         Cell(fmt::format("{}", lost), lost > 0 ? Colour::kRed : Colour::kNone), OverheadOf(probe),
         FormatAge(probe.create_time(), now)});
  }
  table.Print(terminal);
}

void PrintProbe(Terminal& terminal, const v1::Probe& probe,
                std::chrono::system_clock::time_point now) {
  const v1::ProbeSpec& spec = probe.spec();
  const v1::ProbeStatus& status = probe.status();
  Details details;
  details.Add("name", probe.name());
  details.Add("uid", probe.uid());
  details.Add("state", Cell(StateName(status.state()), StateColour(status.state())));
  details.Add("since", FormatTime(status.transition_time()));
  details.Add("error", Cell(ErrorOf(status.error()), Colour::kRed));
  for (const v1::ProbeCondition& condition : status.conditions()) {
    details.Add(condition.type(), ConditionCell(condition));
  }
  details.Add("target", TargetOf(probe));
  details.Add("instrumentations", InstrumentationsOf(spec));
  details.Add("enabled", !spec.has_enabled() || spec.enabled() ? "yes" : "no");
  details.Add("service", spec.service_name());
  details.Add("query captured", spec.capture_query() ? "yes" : "no");
  details.Add("traces stitched", spec.stitch_traces() ? "yes" : "no");
  details.Add("framework routes", spec.framework_routes() ? "yes" : "no");
  details.Add("traces injected", spec.inject_traceparent() ? "yes" : "no");
  details.Add("handler function", spec.handler_function() ? "yes" : "no");
  details.Add("causality", CausalityOf(spec));
  details.Add("timing", TimingOf(spec));
  details.Add("spans limited to", DescribeSpanLimits(spec.span_limits()));
  details.Add("overhead", OverheadOf(probe));
  details.Add("suspect profile", spec.allow_suspect_profile() ? "allowed" : "");
  details.Add("labels", JoinMap(probe.labels()));
  details.Add("profile", status.profile());
  details.Add("sites", SitesOf(status));
  details.Add("binaries", fmt::format("{}", status.attached_binaries()));
  details.Add("processes", fmt::format("{}", fmt::join(status.pids(), " ")));
  details.Add("spans", fmt::format("{}", status.counters().spans()));
  details.Add("hits", JoinMap(status.counters().hits()));
  details.Add("losses", JoinMap(status.counters().losses()));
  details.Add("suppressed", JoinMap(status.counters().suppressed()));
  details.Add("generation",
              fmt::format("{} (observed {})", probe.generation(), status.observed_generation()));
  details.Add("etag", probe.etag());
  details.Add("created", FormatTime(probe.create_time()));
  details.Add("updated", FormatTime(probe.update_time()));
  details.Add("age", FormatAge(probe.create_time(), now));
  details.Print(terminal);
}

void PrintProbeEvent(Terminal& terminal, const v1::WatchProbesResponse& event) {
  if (event.type() == v1::WatchProbesResponse::TYPE_BOOKMARK) return;
  const v1::ProbeStatus& status = event.probe().status();
  const std::string state = fmt::format("{:<8}", StateName(status.state()));
  std::string line = fmt::format("{:<8}  {}  {}  {} sites  {} pids", EventName(event.type()),
                                 terminal.Paint(StateColour(status.state()), state),
                                 EscapeUntrusted(ShortName(event.probe().name())),
                                 status.attached_sites(), status.pids_size());
  const std::string error = ErrorOf(status.error());
  if (!error.empty()) line += "  " + EscapeUntrusted(error);
  terminal.Line(line);
}

void PrintProbeState(Terminal& terminal, const v1::Probe& probe) {
  const v1::ProbeStatus& status = probe.status();
  const std::string state = terminal.Paint(StateColour(status.state()), StateName(status.state()));
  std::string line = fmt::format("{} is {}", EscapeUntrusted(probe.name()), state);
  if (status.attached_sites() > 0) {
    line += fmt::format(": {}, {}", Count(status.attached_sites(), "site", "sites"),
                        Count(status.pids_size(), "process", "processes"));
  }
  terminal.Line(line);
}

}  // namespace uprobed::client
