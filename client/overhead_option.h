#ifndef UPROBED_CLIENT_OVERHEAD_OPTION_H_
#define UPROBED_CLIENT_OVERHEAD_OPTION_H_

#include <CLI/CLI.hpp>

#include <string>

#include "absl/status/status.h"
#include "uprobed/v1/probe.pb.h"

namespace uprobed::client {

// The option --max-overhead of the commands that make and change a probe.

// `max_overhead` outlives the command.
void AddMaxOverheadOption(CLI::App& command, std::string& max_overhead);

// Sets it in the spec. Not given, it is the daemon's default, or as it was. INVALID_ARGUMENT with a
// sentence for the user where it is no share of a CPU.
absl::Status SetMaxOverhead(const std::string& given, v1::ProbeSpec* spec);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_OVERHEAD_OPTION_H_
