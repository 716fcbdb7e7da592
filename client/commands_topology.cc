#include <chrono>
#include <memory>
#include <string>

#include "client/commands.h"
#include "client/failure.h"
#include "client/format.h"
#include "client/parse.h"
#include "client/render_topology.h"
#include "client/topology_state.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

struct TopologyOptions {
  std::string service;
  std::string window;
  bool watch = false;
};

OutputFormat ChooseFormat(const Session& session, bool out_is_terminal) {
  if (session.format() != OutputFormat::kDefault) return session.format();
  return out_is_terminal ? OutputFormat::kTree : OutputFormat::kTable;
}

void WarnOfOverflow(Session& session, uint64_t overflowed) {
  if (overflowed == 0) return;
  session.Warn(
      fmt::format("{} requests were counted on the edge \"_other\", because there are too many "
                  "edges: raise the daemon's --topology-max-edges",
                  overflowed));
}

void Show(Session& session, OutputFormat format, const v1::Topology& topology,
          std::chrono::system_clock::time_point now) {
  Terminal& terminal = session.terminal();
  switch (format) {
    case OutputFormat::kJson:
      session.PrintJson(topology);
      return;
    case OutputFormat::kDot:
      terminal.Write(TopologyAsDot(topology));
      return;
    case OutputFormat::kMermaid:
      terminal.Write(TopologyAsMermaid(topology));
      return;
    case OutputFormat::kTree:
      PrintTopologyTree(terminal, topology);
      break;
    case OutputFormat::kDefault:
    case OutputFormat::kTable:
      PrintTopologyTable(terminal, topology, now);
      break;
  }
  if (topology.edges().empty()) terminal.ErrorLine("no request was seen yet");
}

ExitCode GetTopology(Session& session, const TopologyOptions& options) {
  v1::GetTopologyRequest request;
  request.set_service(options.service);
  if (!options.window.empty()) {
    const auto window = ParseDuration(options.window);
    if (!window.ok()) return session.Fail(FromAbsl(window.status(), "--window"));
    request.mutable_window()->set_seconds(window->count() / 1000);
    request.mutable_window()->set_nanos(static_cast<int32_t>(window->count() % 1000) * 1'000'000);
  }
  v1::Topology topology;
  Connection& connection = session.connection();
  const grpc::Status status = connection.Unary([&](grpc::ClientContext* context) {
    return connection.telemetry().GetTopology(context, request, &topology);
  });
  if (!status.ok()) return session.Fail(status);
  Show(session, ChooseFormat(session, session.terminal().out_is_terminal()), topology,
       session.now());
  WarnOfOverflow(session, topology.overflowed());
  return ExitCode::kOk;
}

// Shows what one stream of changes brings: on a terminal the whole anew, else line by line.
class TopologyWatcher {
 public:
  TopologyWatcher(Session& session, OutputFormat format) : session_(session), format_(format) {}

  // Returns whether there is somebody to show more to.
  bool Show(const v1::WatchTopologyResponse& response) {
    Terminal& terminal = session_.terminal();
    if (format_ == OutputFormat::kJson) {
      session_.PrintJson(response);
    } else if (!terminal.out_is_terminal()) {
      PrintTopologyChanges(terminal, response);
    } else if (state_.Apply(response)) {
      terminal.Write("\x1b[H\x1b[2J");
      terminal.Line(terminal.Paint(Colour::kBold, FormatTime(response.time())));
      client::Show(session_, format_, state_.topology(), std::chrono::system_clock::now());
    }
    if (response.overflowed() > 0 && !warned_) WarnOfOverflow(session_, response.overflowed());
    warned_ = response.overflowed() > 0;
    return session_.listening();
  }

 private:
  Session& session_;
  const OutputFormat format_;
  TopologyState state_;
  bool warned_ = false;
};

ExitCode WatchTopology(Session& session, const TopologyOptions& options) {
  const OutputFormat format = ChooseFormat(session, session.terminal().out_is_terminal());
  if (format == OutputFormat::kDot || format == OutputFormat::kMermaid) {
    return session.Fail(FromAbsl(
        absl::InvalidArgumentError("a drawing is made once: leave out --watch, or -o"), "--watch"));
  }
  if (!options.window.empty()) {
    return session.Fail(FromAbsl(
        absl::InvalidArgumentError("--watch tells each edge as it is seen: leave out --window"),
        "--window"));
  }
  v1::WatchTopologyRequest request;
  request.set_service(options.service);
  TopologyWatcher watcher(session, format);
  Connection& connection = session.connection();
  const grpc::Status status = connection.Stream<v1::WatchTopologyResponse>(
      [&](grpc::ClientContext* context) {
        return connection.telemetry().WatchTopology(context, request);
      },
      [&](const v1::WatchTopologyResponse& response) { return watcher.Show(response); });
  return session.EndStream(status);
}

}  // namespace

void AddTopologyCommand(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<TopologyOptions>();
  CLI::App* topology = app.add_subcommand(
      "topology",
      "Show who calls whom: a tree on a terminal, else a table; -o dot and -o mermaid draw it");
  topology->add_option("--service", options->service, "Only what calls it or is called by it");
  topology->add_option("--window", options->window, "Only what was seen in this time, such as 5m");
  topology->add_flag("--watch", options->watch, "Go on with what changes, until Ctrl-C");
  topology->callback([&chosen, options] {
    chosen = [options](Session& session) {
      return options->watch ? WatchTopology(session, *options) : GetTopology(session, *options);
    };
  });
}

}  // namespace uprobed::client
