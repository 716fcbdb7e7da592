#ifndef UPROBED_SERVER_CONTROL_DIAGNOSTICS_H_
#define UPROBED_SERVER_CONTROL_DIAGNOSTICS_H_

#include <string>
#include <vector>

#include "server/control/node.h"
#include "server/control/node_info.h"
#include "server/control/probe.h"

namespace uprobed::control {

// Every check of `doctor`: kernel features, store, clock, probes. Thread-safe.
std::vector<DiagnosticResult> RunDiagnostics(const NodeSources& sources);

// The parts, each a pure function of what was observed.
DiagnosticResult DiagnoseFeature(const probe::Feature& feature);
DiagnosticResult DiagnoseClock(bool synchronized);
std::vector<DiagnosticResult> DiagnoseProbes(const std::vector<Probe>& probes);

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_DIAGNOSTICS_H_
