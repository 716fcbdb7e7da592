#ifndef UPROBED_CLIENT_RENDER_PROBE_H_
#define UPROBED_CLIENT_RENDER_PROBE_H_

#include <chrono>
#include <string>
#include <vector>

#include "client/table.h"
#include "client/terminal.h"
#include "uprobed/v1/probe.pb.h"

namespace uprobed::client {

// "ACTIVE"
std::string StateName(v1::Probe::State state);
Colour StateColour(v1::Probe::State state);
// Requests of all causes that did not become spans.
uint64_t TotalLosses(const v1::Probe& probe);

// The table of `uprobectl probes`. `now` is what ages are counted to.
void PrintProbes(Terminal& terminal, const std::vector<v1::Probe>& probes,
                 std::chrono::system_clock::time_point now);
// Everything about one probe.
void PrintProbe(Terminal& terminal, const v1::Probe& probe,
                std::chrono::system_clock::time_point now);
// One line of `uprobectl probe watch`; nothing for a bookmark.
void PrintProbeEvent(Terminal& terminal, const v1::WatchProbesResponse& event);
// One line that says what became of a probe: "probes/shop is ACTIVE: 6 sites, 2 processes".
void PrintProbeState(Terminal& terminal, const v1::Probe& probe);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_RENDER_PROBE_H_
