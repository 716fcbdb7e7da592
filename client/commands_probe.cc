#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/commands.h"
#include "client/escape.h"
#include "client/failure.h"
#include "client/parse.h"
#include "client/render_probe.h"
#include "client/span_limits_options.h"
#include "client/target.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

struct AttachOptions {
  TargetOptions target;
  std::string id;
  std::vector<std::string> instrumentations;
  std::vector<std::string> causality;
  std::vector<std::string> timing;
  std::string service;
  bool capture_query = false;
  bool stitch_traces = false;
  bool framework_routes = false;
  bool inject_traceparent = false;
  bool handler_function = false;
  bool allow_suspect_profile = false;
  bool dry_run = false;
  bool wait_for_binary = false;
  std::vector<std::string> labels;
  std::string max_overhead;
  SpanLimitsOptions span_limits;
};

// Not given, it is the daemon's default, or as it was.
absl::Status SetMaxOverhead(const std::string& given, v1::ProbeSpec* spec) {
  if (given.empty()) return absl::OkStatus();
  const absl::StatusOr<double> ratio = ParseOverhead(given);
  if (ratio.ok()) spec->set_max_overhead(*ratio);
  return ratio.status();
}

absl::StatusOr<v1::CreateProbeRequest> MakeCreateRequest(const AttachOptions& options) {
  v1::CreateProbeRequest request;
  v1::ProbeSpec& spec = *request.mutable_probe()->mutable_spec();
  if (absl::Status status = SetTarget(options.target, &spec); !status.ok()) return status;
  const auto instrumentations = ParseInstrumentations(options.instrumentations);
  if (!instrumentations.ok()) return instrumentations.status();
  for (const v1::Instrumentation value : *instrumentations) spec.add_instrumentations(value);
  if (absl::Status status = ParseCausality(options.causality, spec.mutable_causality());
      !status.ok()) {
    return status;
  }
  if (absl::Status status = ParseTiming(options.timing, spec.mutable_timing()); !status.ok()) {
    return status;
  }
  std::vector<std::string> limited;
  if (absl::Status status =
          ParseSpanLimits(options.span_limits, spec.mutable_span_limits(), &limited);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = SetMaxOverhead(options.max_overhead, &spec); !status.ok()) {
    return status;
  }
  const auto labels = ParseLabels(options.labels);
  if (!labels.ok()) return labels.status();
  request.mutable_probe()->mutable_labels()->insert(labels->begin(), labels->end());
  spec.set_enabled(true);
  spec.set_service_name(options.service);
  spec.set_capture_query(options.capture_query);
  spec.set_stitch_traces(options.stitch_traces);
  spec.set_framework_routes(options.framework_routes);
  spec.set_inject_traceparent(options.inject_traceparent);
  spec.set_handler_function(options.handler_function);
  spec.set_allow_suspect_profile(options.allow_suspect_profile);
  request.set_probe_id(ShortName(options.id));
  request.set_validate_only(options.dry_run);
  request.set_allow_missing_binary(options.wait_for_binary);
  return request;
}

// Says on stderr what keeps `probe` from being active, and turns it into the exit code.
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

ExitCode ShowChanged(Session& session, const v1::Probe& probe) {
  if (session.json()) {
    session.PrintJson(probe);
  } else {
    PrintProbeState(session.terminal(), probe);
  }
  return ReportState(session, probe);
}

ExitCode Attach(Session& session, const AttachOptions& options) {
  const absl::StatusOr<v1::CreateProbeRequest> request = MakeCreateRequest(options);
  if (!request.ok()) return session.Fail(FromAbsl(request.status()));
  v1::Probe probe;
  Connection& connection = session.connection();
  const grpc::Status status = connection.Unary([&](grpc::ClientContext* context) {
    return connection.probes().CreateProbe(context, *request, &probe);
  });
  if (!status.ok()) return session.Fail(status);
  if (options.dry_run && !session.json()) {
    session.terminal().Line(
        fmt::format("{} would be attached; nothing was changed", EscapeUntrusted(probe.name())));
    return ExitCode::kOk;
  }
  return ShowChanged(session, probe);
}

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
  return status.ok() ? ShowChanged(session, probe) : session.Fail(status);
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

void AddMaxOverhead(CLI::App& command, std::string& max_overhead) {
  command.add_option("--max-overhead", max_overhead,
                     "What its hits may cost: 1%, 0.01 (of one CPU, the default) or unlimited; a "
                     "probe that costs more does less by itself");
}

void AddAttach(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<AttachOptions>();
  CLI::App* attach = app.add_subcommand("attach", "Observe a Go program");
  AddTargetOptions(*attach, options->target);
  attach->add_option("--name", options->id, "Name of the probe; else made from the file's name");
  attach
      ->add_option(
          "--instrumentation", options->instrumentations,
          "http_server, http_client, grpc_server, grpc_client, with commas; else all that it has")
      ->delimiter(',')
      ->allow_extra_args(false);
  attach
      ->add_option("--causality", options->causality,
                   "goroutines, channels, or both with a comma: find the request that a call on "
                   "another goroutine is made for, without its context")
      ->delimiter(',')
      ->allow_extra_args(false);
  attach
      ->add_option("--timing", options->timing,
                   "first-byte, body, or both with a comma: tell when a server began to write each "
                   "response; end a client's spans where the body was read or closed")
      ->delimiter(',')
      ->allow_extra_args(false);
  attach->add_option("--service", options->service,
                     "service.name of its spans; else OTEL_SERVICE_NAME or the file's name");
  attach->add_option("--label", options->labels, "key=value; may be repeated")
      ->allow_extra_args(false);
  attach->add_flag("--capture-query", options->capture_query,
                   "Report url.query, which may carry secrets");
  attach->add_flag("--stitch-traces", options->stitch_traces,
                   "Join the traces of its requests with those of the programs on this machine "
                   "that serve them; a hit more for each, two by HTTP/2");
  attach->add_flag("--framework-routes", options->framework_routes,
                   "Report the routes of gin, chi, echo and gorilla/mux; a hit more for each "
                   "request that one of them serves");
  attach->add_flag("--inject-traceparent", options->inject_traceparent,
                   "Give the requests that it makes the header traceparent, by writing into its "
                   "memory; two hits more for each, three by HTTP/2");
  attach->add_flag("--handler-function", options->handler_function,
                   "Report the function that serves each request (code.function.name), in the "
                   "topology, too; a hit more for each http.ServeMux that a request comes to");
  attach->add_flag("--allow-suspect-profile", options->allow_suspect_profile,
                   "Attach even where the sources of the struct offsets disagree");
  attach->add_flag("--wait-for-binary", options->wait_for_binary,
                   "Accept a path that does not exist yet");
  AddMaxOverhead(*attach, options->max_overhead);
  AddSpanLimitsOptions(*attach, options->span_limits);
  attach->add_flag("--dry-run", options->dry_run, "Check everything, change nothing");
  attach->callback([&chosen, options] {
    chosen = [options](Session& session) { return Attach(session, *options); };
  });
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
  AddMaxOverhead(*update, options->max_overhead);
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
  AddAttach(app, chosen);
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
