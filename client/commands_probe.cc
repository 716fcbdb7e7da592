#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/commands.h"
#include "client/escape.h"
#include "client/failure.h"
#include "client/overhead_option.h"
#include "client/parse.h"
#include "client/probe_outcome.h"
#include "client/render_probe.h"
#include "client/span_limits_options.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

// Changes the fields of a probe that the mask of `request` names.
ExitCode Update(Session& session, const std::string& given_name, v1::UpdateProbeRequest request) {
  const absl::StatusOr<std::string> name = ProbeName(given_name);
  if (!name.ok()) return session.Fail(FromAbsl(name.status()));
  request.mutable_probe()->set_name(*name);
  v1::Probe probe;
  Connection& connection = session.connection();
  const grpc::Status status = connection.Unary([&](grpc::ClientContext* context) {
    return connection.probes().UpdateProbe(context, request, &probe);
  });
  return status.ok() ? ShowOutcome(session, probe) : session.Fail(status);
}

// `uprobectl probe enable` and `disable`, and `detach --keep`.
ExitCode SetEnabled(Session& session, const std::string& name, bool enabled) {
  v1::UpdateProbeRequest request;
  request.mutable_probe()->mutable_spec()->set_enabled(enabled);
  request.mutable_update_mask()->add_paths("spec.enabled");
  return Update(session, name, std::move(request));
}

struct UpdateOptions {
  std::string name;
  std::vector<std::string> causality;
  std::vector<std::string> timing;
  std::string max_overhead;
  SpanLimitsOptions span_limits;
};

ExitCode ChangeOptions(Session& session, const UpdateOptions& options) {
  v1::UpdateProbeRequest request;
  v1::ProbeSpec& spec = *request.mutable_probe()->mutable_spec();
  std::vector<std::string> paths;
  if (!options.causality.empty()) paths.push_back("spec.causality");
  if (!options.timing.empty()) paths.push_back("spec.timing");
  if (!options.max_overhead.empty()) paths.push_back("spec.max_overhead");
  absl::Status parsed = ParseCausality(options.causality, spec.mutable_causality());
  parsed.Update(ParseTiming(options.timing, spec.mutable_timing()));
  parsed.Update(SetMaxOverhead(options.max_overhead, &spec));
  parsed.Update(ParseSpanLimits(options.span_limits, spec.mutable_span_limits(), &paths));
  if (parsed.ok() && paths.empty()) {
    parsed = absl::InvalidArgumentError("nothing is to be changed: give at least one option");
  }
  if (!parsed.ok()) return session.Fail(FromAbsl(parsed));
  for (const std::string& path : paths) request.mutable_update_mask()->add_paths(path);
  return Update(session, options.name, std::move(request));
}

ExitCode Detach(Session& session, const std::string& given_name) {
  const absl::StatusOr<std::string> name = ProbeName(given_name);
  if (!name.ok()) return session.Fail(FromAbsl(name.status()));
  v1::DeleteProbeRequest request;
  request.set_name(*name);
  google::protobuf::Empty response;
  Connection& connection = session.connection();
  const grpc::Status status = connection.Unary([&](grpc::ClientContext* context) {
    return connection.probes().DeleteProbe(context, request, &response);
  });
  if (!status.ok()) return session.Fail(status);
  if (session.json()) {
    session.PrintJson(response);
  } else {
    session.terminal().Line(fmt::format("{} is detached and forgotten", EscapeUntrusted(*name)));
  }
  return ExitCode::kOk;
}

ExitCode ListProbes(Session& session) {
  Connection& connection = session.connection();
  v1::ListProbesRequest request;
  v1::ListProbesResponse all;
  do {
    v1::ListProbesResponse page;
    const grpc::Status status = connection.Unary([&](grpc::ClientContext* context) {
      return connection.probes().ListProbes(context, request, &page);
    });
    if (!status.ok()) return session.Fail(status);
    all.MergeFrom(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  all.clear_next_page_token();
  if (session.json()) {
    session.PrintJson(all);
    return ExitCode::kOk;
  }
  if (all.probes().empty()) session.terminal().ErrorLine("no probes; try: uprobectl attach PATH");
  PrintProbes(session.terminal(), {all.probes().begin(), all.probes().end()}, session.now());
  return ExitCode::kOk;
}

ExitCode Describe(Session& session, const std::string& given_name) {
  const absl::StatusOr<std::string> name = ProbeName(given_name);
  if (!name.ok()) return session.Fail(FromAbsl(name.status()));
  v1::GetProbeRequest request;
  request.set_name(*name);
  v1::Probe probe;
  Connection& connection = session.connection();
  const grpc::Status status = connection.Unary([&](grpc::ClientContext* context) {
    return connection.probes().GetProbe(context, request, &probe);
  });
  if (!status.ok()) return session.Fail(status);
  if (session.json()) {
    session.PrintJson(probe);
  } else {
    PrintProbe(session.terminal(), probe, session.now());
  }
  return ExitCode::kOk;
}

ExitCode Watch(Session& session) {
  Connection& connection = session.connection();
  const grpc::Status status = connection.Stream<v1::WatchProbesResponse>(
      [&](grpc::ClientContext* context) {
        return connection.probes().WatchProbes(context, v1::WatchProbesRequest());
      },
      [&](const v1::WatchProbesResponse& event) {
        if (session.json()) {
          session.PrintJson(event);
        } else {
          PrintProbeEvent(session.terminal(), event);
        }
        return session.listening();
      });
  return session.EndStream(status);
}

void AddDetach(CLI::App& app, Command& chosen) {
  struct Options {
    std::string name;
    bool keep = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* detach = app.add_subcommand("detach", "Stop observing a program and forget the probe");
  detach->add_option("NAME", options->name, "Name of the probe")->required();
  detach->add_flag("--keep", options->keep, "Keep the probe, disabled");
  detach->callback([&chosen, options] {
    chosen = [options](Session& session) {
      return options->keep ? SetEnabled(session, options->name, false)
                           : Detach(session, options->name);
    };
  });
}

void AddUpdate(CLI::App& group, Command& chosen) {
  const auto options = std::make_shared<UpdateOptions>();
  CLI::App* update = group.add_subcommand("update", "Change the options of a probe");
  update->add_option("NAME", options->name, "Name of the probe")->required();
  update
      ->add_option("--causality", options->causality,
                   "goroutines, channels, both with a comma, or none")
      ->delimiter(',')
      ->allow_extra_args(false);
  update->add_option("--timing", options->timing, "first-byte, body, both with a comma, or none")
      ->delimiter(',')
      ->allow_extra_args(false);
  AddMaxOverheadOption(*update, options->max_overhead);
  AddSpanLimitsOptions(*update, options->span_limits);
  update->callback([&chosen, options] {
    chosen = [options](Session& session) { return ChangeOptions(session, *options); };
  });
}

using NamedCommand = ExitCode (*)(Session&, const std::string&);

void AddNamed(CLI::App& group, Command& chosen, const std::string& command,
              const std::string& description, NamedCommand run) {
  const auto name = std::make_shared<std::string>();
  CLI::App* added = group.add_subcommand(command, description);
  added->add_option("NAME", *name, "Name of the probe")->required();
  added->callback([&chosen, name, run] {
    chosen = [name, run](Session& session) { return run(session, *name); };
  });
}

}  // namespace

void AddProbeCommands(CLI::App& app, Command& chosen) {
  AddDetach(app, chosen);
  app.add_subcommand("probes", "List the probes")->callback([&chosen] { chosen = ListProbes; });
  CLI::App* probe = app.add_subcommand("probe", "Look at one probe, switch it, watch all");
  probe->require_subcommand(0, 1);
  probe->add_subcommand("list", "List the probes")->callback([&chosen] { chosen = ListProbes; });
  AddNamed(*probe, chosen, "describe", "Show everything about a probe", Describe);
  AddUpdate(*probe, chosen);
  AddNamed(
      *probe, chosen, "enable", "Attach a probe that was disabled",
      [](Session& session, const std::string& name) { return SetEnabled(session, name, true); });
  AddNamed(
      *probe, chosen, "disable", "Detach a probe and keep it",
      [](Session& session, const std::string& name) { return SetEnabled(session, name, false); });
  probe->add_subcommand("watch", "Show every change of a probe until Ctrl-C")->callback([&chosen] {
    chosen = Watch;
  });
}

}  // namespace uprobed::client
