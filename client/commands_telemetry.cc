#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/commands.h"
#include "client/compact_spans.h"
#include "client/failure.h"
#include "client/format.h"
#include "client/parse.h"
#include "client/render_metrics.h"
#include "client/render_span.h"
#include "client/span_fields.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

struct SpansOptions {
  std::string filter;
  std::vector<std::string> fields;
  int64_t limit = 0;
  int32_t queue_capacity = 0;
};

// Prints what one subscription brings.
class SpanPrinter {
 public:
  // `fields`: null for all. Outlives the printer.
  SpanPrinter(Session& session, SpanFields* fields) : session_(session), fields_(fields) {}

  // Returns whether there is somebody to print more for.
  bool Print(const v1::StreamSpansResponse& response) {
    if (response.started()) Start();
    WarnOfLoss(response.dropped_total());
    unreadable_ = VisitSpans(response, [this](const v1::Span& span) {
      PrintSpan(span);
      return session_.listening();
    });
    return unreadable_.ok() && session_.listening();
  }
  // Why it had to stop; OK where it had not.
  const grpc::Status& unreadable() const { return unreadable_; }

 private:
  void Start() {
    Terminal& terminal = session_.terminal();
    if (session_.json() || !terminal.out_is_terminal()) return;
    terminal.Line(terminal.Paint(Colour::kBold, SpanHeader()));
  }

  void PrintSpan(const v1::Span& span) {
    if (fields_ != nullptr) {
      session_.PrintJson(fields_->Select(span));
    } else if (session_.json()) {
      session_.PrintJson(span);
    } else {
      session_.terminal().Line(FormatSpan(session_.terminal(), span));
    }
  }

  void WarnOfLoss(uint64_t dropped_total) {
    if (dropped_total <= dropped_total_) return;
    session_.Warn(
        fmt::format("{} spans were lost here ({} since the stream began), because they are not "
                    "read fast enough: narrow them with --filter, or raise --queue-capacity",
                    dropped_total - dropped_total_, dropped_total));
    dropped_total_ = dropped_total;
  }

  Session& session_;
  SpanFields* const fields_;
  uint64_t dropped_total_ = 0;
  grpc::Status unreadable_;
};

ExitCode Spans(Session& session, const SpansOptions& options) {
  v1::StreamSpansRequest request;
  request.set_filter(options.filter);
  request.set_limit(options.limit);
  request.set_queue_capacity(options.queue_capacity);
  request.set_compact(true);
  std::optional<SpanFields> fields;
  if (!options.fields.empty()) {
    if (!session.json()) {
      return session.Fail(FromAbsl(
          absl::InvalidArgumentError("a table has columns of its own: give -o json as well"),
          "--fields"));
    }
    fields.emplace(options.fields);
    fields->FillRequest(request);
  }
  SpanPrinter printer(session, fields ? &*fields : nullptr);
  Connection& connection = session.connection();
  const grpc::Status status = connection.Stream<v1::StreamSpansResponse>(
      [&](grpc::ClientContext* context) {
        return connection.telemetry().StreamSpans(context, request);
      },
      [&](const v1::StreamSpansResponse& response) { return printer.Print(response); });
  return printer.unreadable().ok() ? session.EndStream(status) : session.Fail(printer.unreadable());
}

struct MetricsOptions {
  std::string prefix;
  std::string watch;
};

void ShowMetrics(Session& session, const v1::StreamMetricsResponse& response, bool watching) {
  if (session.json()) {
    session.PrintJson(response);
    return;
  }
  if (watching) {
    session.terminal().Line(session.terminal().Paint(Colour::kBold, FormatTime(response.time())));
  }
  PrintMetrics(session.terminal(), response);
}

ExitCode Metrics(Session& session, const MetricsOptions& options) {
  v1::StreamMetricsRequest request;
  request.set_name_prefix(options.prefix);
  const bool watching = !options.watch.empty();
  if (watching) {
    const auto interval = ParseDuration(options.watch);
    if (!interval.ok()) return session.Fail(FromAbsl(interval.status(), "--watch"));
    request.mutable_interval()->set_seconds(interval->count() / 1000);
    request.mutable_interval()->set_nanos(static_cast<int32_t>(interval->count() % 1000) *
                                          1'000'000);
  }
  Connection& connection = session.connection();
  const auto open = [&](grpc::ClientContext* context) {
    return connection.telemetry().StreamMetrics(context, request);
  };
  const grpc::Status status = connection.Stream<v1::StreamMetricsResponse>(
      open, [&](const v1::StreamMetricsResponse& response) {
        ShowMetrics(session, response, watching);
        return watching && session.listening();
      });
  return session.EndStream(status);
}

void AddSpans(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<SpansOptions>();
  CLI::App* spans = app.add_subcommand("spans", "Show each request as it ends, until Ctrl-C");
  spans->add_option("--filter", options->filter,
                    "Which, such as 'kind = server AND http.response.status_code >= 500'");
  spans
      ->add_option("--fields", options->fields,
                   "With -o json, only these of each span, with commas: fields such as name, "
                   "start_time, status, and keys of attributes such as http.route")
      ->delimiter(',')
      ->allow_extra_args(false);
  spans->add_option("--limit", options->limit, "End after so many spans")
      ->check(CLI::PositiveNumber);
  spans
      ->add_option("--queue-capacity", options->queue_capacity,
                   "Spans that may wait while they are not read")
      ->check(CLI::PositiveNumber);
  spans->callback([&chosen, options] {
    chosen = [options](Session& session) { return Spans(session, *options); };
  });
}

void AddMetrics(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<MetricsOptions>();
  CLI::App* metrics = app.add_subcommand("metrics", "Show the metrics");
  metrics->add_option("--prefix", options->prefix,
                      "Only those whose name begins so, such as http_server_");
  metrics->add_option("--watch", options->watch, "Again each interval, such as 5s, until Ctrl-C");
  metrics->callback([&chosen, options] {
    chosen = [options](Session& session) { return Metrics(session, *options); };
  });
}

}  // namespace

void AddTelemetryCommands(CLI::App& app, Command& chosen) {
  AddSpans(app, chosen);
  AddMetrics(app, chosen);
}

}  // namespace uprobed::client
