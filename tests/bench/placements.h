#ifndef UPROBED_TESTS_BENCH_PLACEMENTS_H_
#define UPROBED_TESTS_BENCH_PLACEMENTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace uprobed::bench {

// Instructions to probe, as offsets in the file.
struct Placement {
  std::vector<unsigned long> file_offsets;
  size_t emulated = 0;  // of them
};

// Where the requests that a program serves begin and end in its profile.
absl::StatusOr<Placement> ServerSites(const std::string& path);

// The usual placement: entry and each `ret` of the functions that a widely used tracer of Go
// programs attaches to by default, for requests that are served and made.
absl::StatusOr<Placement> PeerSites(const std::string& path);

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_PLACEMENTS_H_
