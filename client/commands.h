#ifndef UPROBED_CLIENT_COMMANDS_H_
#define UPROBED_CLIENT_COMMANDS_H_

#include "CLI/App.hpp"
#include "client/session.h"

namespace uprobed::client {

// Each adds a group of commands to `app`. Parsing a command line that names one of them puts what
// is to be run into `chosen`, which outlives `app`.

// attach, detach, probes, probe ...
void AddAttachCommand(CLI::App& app, Command& chosen);
void AddProbeCommands(CLI::App& app, Command& chosen);
// profile ...
void AddProfileCommands(CLI::App& app, Command& chosen);
// spans, metrics
void AddTelemetryCommands(CLI::App& app, Command& chosen);
// topology
void AddTopologyCommand(CLI::App& app, Command& chosen);
// status, doctor, audit, version
void AddAdminCommands(CLI::App& app, Command& chosen);
// completion
void AddCompletionCommand(CLI::App& app, Command& chosen);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_COMMANDS_H_
