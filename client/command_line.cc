#include "client/command_line.h"

#include <cerrno>
#include <chrono>
#include <system_error>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "client/commands.h"
#include "client/connection.h"
#include "client/credentials.h"
#include "client/failure.h"
#include "client/parse.h"
#include "client/session.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

constexpr const char* kDefaultAddress = "unix:/run/uprobed/uprobed.sock";

struct GlobalOptions {
  std::string address = kDefaultAddress;
  std::string timeout = "10s";
  std::string output;  // empty: the command's own
  bool no_color = false;
  TlsOptions tls;
};

void SetUp(CLI::App& app, GlobalOptions& options, Command& chosen) {
  app.set_help_all_flag("--help-all", "Show this help with every command's options");
  app.set_version_flag("--version", "uprobectl " UPROBED_VERSION);
  app.add_option("--address", options.address,
                 "Where the daemon is: unix:PATH or host:port (env UPROBED_ADDRESS)")
      ->capture_default_str();
  app.add_flag("--tls", options.tls.enabled, "The daemon's certificate is signed for the public");
  app.add_option("--tls-ca", options.tls.ca_path,
                 "PEM certificate of the authority that signed the daemon's");
  app.add_option("--tls-cert", options.tls.certificate_path,
                 "PEM certificate to show to the daemon");
  app.add_option("--tls-key", options.tls.key_path, "PEM key of --tls-cert");
  app.add_option("--timeout", options.timeout, "How long a call may take; streams have no limit")
      ->capture_default_str();
  app.add_option("-o,--output", options.output,
                 "table, json (protobuf JSON, a stream has one object a line), topology also tree, "
                 "dot and mermaid")
      ->check(CLI::IsMember({"table", "json", "tree", "dot", "mermaid"}))
      ->default_str("table");
  app.add_flag("--no-color", options.no_color, "No colours; NO_COLOR does the same");
  app.footer(DescribeExitCodes() +
             "\nExamples:\n"
             "  uprobectl attach /usr/local/bin/shop\n"
             "  uprobectl spans --filter 'http.response.status_code >= 500'\n"
             "  uprobectl topology -o dot | dot -Tsvg > topology.svg\n"
             "  uprobectl probes -o json | jq '.probes[].status.state'\n");
  AddAttachCommand(app, chosen);
  AddProbeCommands(app, chosen);
  AddTelemetryCommands(app, chosen);
  AddTopologyCommand(app, chosen);
  AddProfileCommands(app, chosen);
  AddAdminCommands(app, chosen);
  AddCompletionCommand(app, chosen);
  // That none is named is told later, or a misspelt one would be called missing.
  app.require_subcommand(0, 1);
  // Lets --address and the like stand behind the command.
  for (CLI::App* command : app.get_subcommands({})) {
    command->fallthrough();
    for (CLI::App* nested : command->get_subcommands({})) nested->fallthrough();
  }
}

// Whether errors are to be JSON although the command line could not be read.
bool AsksForJson(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "-ojson" || argument == "--output=json") return true;
    const bool names_output = argument == "-o" || argument == "--output";
    if (names_output && i + 1 < arguments.size() && arguments[i + 1] == "json") return true;
  }
  return false;
}

OutputFormat FormatOf(const std::string& output) {
  if (output == "json") return OutputFormat::kJson;
  if (output == "tree") return OutputFormat::kTree;
  if (output == "dot") return OutputFormat::kDot;
  if (output == "mermaid") return OutputFormat::kMermaid;
  return output == "table" ? OutputFormat::kTable : OutputFormat::kDefault;
}

// Output that was not written is a failure of the command, unless the reader went away by itself.
ExitCode CheckOutput(Terminal& terminal, bool json, ExitCode exit_code) {
  const int error_number = terminal.write_errno();
  if (error_number == 0 || error_number == EPIPE) return exit_code;
  return ReportFailure(terminal, json,
                       MakeFailure(grpc::StatusCode::INTERNAL, "OUTPUT_FAILED",
                                   fmt::format("the output cannot be written: {}",
                                               std::generic_category().message(error_number))));
}

ExitCode Run(const GlobalOptions& options, bool topology, const Command& command,
             Terminal& terminal, Interrupt& interrupt) {
  const OutputFormat format = FormatOf(options.output);
  const bool json = format == OutputFormat::kJson;
  const bool drawn = format == OutputFormat::kTree || format == OutputFormat::kDot ||
                     format == OutputFormat::kMermaid;
  if (drawn && !topology) {
    return ReportFailure(
        terminal, json,
        FromAbsl(absl::InvalidArgumentError(fmt::format("only topology has {}", options.output)),
                 "--output"));
  }
  const auto address = ParseAddress(options.address);
  if (!address.ok()) {
    return ReportFailure(terminal, json, FromAbsl(address.status(), "--address"));
  }
  const auto timeout = ParseDuration(options.timeout);
  if (!timeout.ok()) {
    return ReportFailure(terminal, json, FromAbsl(timeout.status(), "--timeout"));
  }
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (const grpc::Status status = MakeCredentials(options.tls, &credentials); !status.ok()) {
    return ReportFailure(terminal, json, status);
  }
  Connection connection(*address, credentials, *timeout, interrupt);
  Session session(connection, terminal, format, interrupt, std::chrono::system_clock::now());
  return CheckOutput(terminal, json, command(session));
}

}  // namespace

ExitCode RunCommandLine(const std::vector<std::string>& arguments, const Streams& streams,
                        const Environment& environment, Interrupt& interrupt) {
  CLI::App app("Commands uprobed, which sees every HTTP request inside running Go programs",
               "uprobectl");
  GlobalOptions options;
  const auto address = environment.find("UPROBED_ADDRESS");
  if (address != environment.end() && !address->second.empty()) options.address = address->second;
  Command chosen;
  SetUp(app, options, chosen);
  try {
    // CLI11 takes the arguments from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    Terminal terminal(streams, environment, true);
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      // Help or version: CLI11 prints it to stdout.
      app.exit(error, streams.out, streams.err);
      return ExitCode::kOk;
    }
    return ReportFailure(terminal, AsksForJson(arguments),
                         MakeFailure(grpc::StatusCode::INVALID_ARGUMENT, "USAGE", error.what()));
  }
  Terminal terminal(streams, environment, !options.no_color);
  if (!chosen) {
    return ReportFailure(terminal, AsksForJson(arguments),
                         FromAbsl(absl::InvalidArgumentError(
                             "no command is named, or only a group of them, such as probe")));
  }
  return Run(options, app.got_subcommand("topology"), chosen, terminal, interrupt);
}

}  // namespace uprobed::client
