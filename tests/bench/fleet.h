#ifndef UPROBED_TESTS_BENCH_FLEET_H_
#define UPROBED_TESTS_BENCH_FLEET_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/child_process.h"

namespace uprobed::bench {

// Programs that are all different to the daemon, and run: copies of a stripped hello, each with
// other bytes behind its end.
class Fleet {
 public:
  static absl::StatusOr<Fleet> Start(const std::string& folder, int size);

  const std::vector<std::string>& paths() const { return paths_; }
  std::string UrlOf(size_t program) const;
  pid_t PidOf(size_t program) const { return running_[program].process.pid(); }

 private:
  std::vector<std::string> paths_;
  std::vector<testing::RunningTarget> running_;
};

// Requests to one URL until the object goes.
absl::StatusOr<testing::ChildProcess> StartLoad(const std::string& url, int connections,
                                                const std::string& interval);

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_FLEET_H_
