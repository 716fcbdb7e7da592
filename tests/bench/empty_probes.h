#ifndef UPROBED_TESTS_BENCH_EMPTY_PROBES_H_
#define UPROBED_TESTS_BENCH_EMPTY_PROBES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"

namespace uprobed::bench {

// A program that returns at once, attached to sites of a file: what hits cost that do nothing,
// which no tracer with the same sites can be cheaper than. Detached with the object.
class EmptyProbes {
 public:
  static absl::StatusOr<std::unique_ptr<EmptyProbes>> Attach(
      const std::string& path, const std::vector<unsigned long>& file_offsets);

 private:
  EmptyProbes() = default;

  UniqueFd program_;
  UniqueFd link_;
};

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_EMPTY_PROBES_H_
