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
  return ShowOutcome(session, probe);
}

}  // namespace

void AddAttachCommand(CLI::App& app, Command& chosen) {
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
  AddMaxOverheadOption(*attach, options->max_overhead);
  AddSpanLimitsOptions(*attach, options->span_limits);
  attach->add_flag("--dry-run", options->dry_run, "Check everything, change nothing");
  attach->callback([&chosen, options] {
    chosen = [options](Session& session) { return Attach(session, *options); };
  });
}

}  // namespace uprobed::client
