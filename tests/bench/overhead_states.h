#ifndef UPROBED_TESTS_BENCH_OVERHEAD_STATES_H_
#define UPROBED_TESTS_BENCH_OVERHEAD_STATES_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/daemon_under_test.h"
#include "tests/bench/empty_probes.h"
#include "tests/bench/span_subscriber.h"

namespace uprobed::bench {

inline constexpr char kServerState[] = "server";
inline constexpr char kEmptyState[] = "empty hits";
inline constexpr char kPeersState[] = "peers";

// What a server is put into, beside being bare.
struct State {
  enum class Kind { kOurs, kEmpty, kPeers };
  std::string name;
  Kind kind = Kind::kOurs;
  v1::ProbeSpec spec = {};  // of kOurs, without its target
  bool subscriber = false;
};
std::vector<State> States(bool grpc);
// Of a server of HTTP whose requests would become spans if somebody streamed these.
State UnstreamedState();

// A program in a state, until the object goes.
class AppliedState {
 public:
  static absl::StatusOr<std::unique_ptr<AppliedState>> Apply(const State& state,
                                                             const std::string& path,
                                                             DaemonUnderTest& daemon);
  ~AppliedState();
  AppliedState(const AppliedState&) = delete;
  AppliedState& operator=(const AppliedState&) = delete;

  // Who holds the BPF programs that run.
  pid_t holder() const;

 private:
  explicit AppliedState(DaemonUnderTest& daemon) : daemon_(daemon) {}
  absl::Status Probe(v1::ProbeSpec spec);

  DaemonUnderTest& daemon_;
  bool probed_ = false;
  std::unique_ptr<SpanSubscriber> subscriber_;
  std::unique_ptr<EmptyProbes> probes_;
};

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_OVERHEAD_STATES_H_
