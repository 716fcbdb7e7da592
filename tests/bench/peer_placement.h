#ifndef UPROBED_TESTS_BENCH_PEER_PLACEMENT_H_
#define UPROBED_TESTS_BENCH_PEER_PLACEMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"

namespace uprobed::bench {

// The usual placement of uprobes for a Go HTTP server span: the entry and each `ret` of the
// functions that tell of requests, header lines, connections and goroutines. Its program only
// counts, so what is measured is the placement alone.
class PeerPlacement {
 public:
  static absl::StatusOr<std::unique_ptr<PeerPlacement>> Attach(const std::string& path);

  size_t site_count() const { return site_count_; }
  size_t emulated_site_count() const { return emulated_site_count_; }
  uint64_t hits() const;

 private:
  PeerPlacement() = default;
  absl::Status LoadProgram();

  size_t site_count_ = 0;
  size_t emulated_site_count_ = 0;
  UniqueFd counter_;
  UniqueFd program_;
  UniqueFd link_;
};

}  // namespace uprobed::bench

#endif  // UPROBED_TESTS_BENCH_PEER_PLACEMENT_H_
