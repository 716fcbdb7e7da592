#ifndef UPROBED_TESTS_BENCH_REPORT_H_
#define UPROBED_TESTS_BENCH_REPORT_H_

#include <google/protobuf/struct.pb.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/bench/measurement.h"

namespace uprobed::bench {

// What one part of the benchmarks found, for scripts/bench to put together:
//   {"rows": [{"name": ..., "FIGURE": {"median": ..., "low": ..., "high": ...}, ...}, ...],
//    "targets": [{"name": ..., "seen": ..., "wanted": "<= 2.5", "met": true}, ...]}
class Report {
 public:
  class Row {
   public:
    void Set(const std::string& figure, double value);
    void Set(const std::string& figure, const Spread& spread);

   private:
    friend class Report;
    explicit Row(google::protobuf::Struct& fields) : fields_(fields) {}
    google::protobuf::Struct& fields_;
  };

  // Valid until the next call.
  Row Add(const std::string& name);
  void AddTargetAtMost(const std::string& name, double seen, double wanted);
  void AddTargetAtLeast(const std::string& name, double seen, double wanted);

  // Nothing is written where `path` is empty.
  absl::Status Write(const std::string& path) const;

 private:
  void AddTarget(const std::string& name, double seen, const std::string& wanted, bool met);
  google::protobuf::ListValue rows_;
  google::protobuf::ListValue targets_;
};

// What each part is told: [--quick] [--json FILE] [WORD...].
struct Arguments {
  bool quick = false;
  std::string json_path;
  std::vector<std::string> words;
};
Arguments ParseArguments(int count, char** values);

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_REPORT_H_
