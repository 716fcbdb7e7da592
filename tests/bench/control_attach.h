#ifndef UPROBED_TESTS_BENCH_CONTROL_ATTACH_H_
#define UPROBED_TESTS_BENCH_CONTROL_ATTACH_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "tests/bench/daemon_under_test.h"
#include "tests/bench/fleet.h"
#include "tests/bench/report.h"

namespace uprobed::bench {

// How long it takes until a probe of one program is active, until its first span, and until it is
// gone: of programs that nobody has seen, that the daemon has probed before, and that only its
// store knows, for which the daemon in `folder` is started again.
absl::Status MeasureAttach(const Fleet& fleet, const std::string& folder, bool quick,
                           std::unique_ptr<DaemonUnderTest>& daemon, Report& report);

// How long it takes to probe all programs one after the other, and to let them go: first of
// programs that `daemon` has not seen, but for some, then of those that it knows.
absl::Status MeasureFleet(const Fleet& fleet, DaemonUnderTest& daemon, Report& report);
// The same by several requests at a time, of programs that `daemon` has never seen.
absl::Status MeasureFleetAtATime(const Fleet& fleet, DaemonUnderTest& daemon, Report& report);

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_CONTROL_ATTACH_H_
