// What the programs have added up is read as differences, whatever the counts have come to.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

#include "server/base/unique_fd.h"
#include "server/probe/request_metrics.h"

namespace uprobed::testing {
namespace {

class RequestSumsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
    map_ = UniqueFd(bpf_map_create(BPF_MAP_TYPE_PERCPU_HASH, "sums", sizeof(up_request_key),
                                   sizeof(up_request_metrics), 4, &options));
    overflowed_ = UniqueFd(bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "overflowed", sizeof(uint32_t),
                                          sizeof(up_request_metrics), UP_REQUEST_KINDS, nullptr));
    if (map_.get() < 0 || overflowed_.get() < 0) GTEST_SKIP() << std::strerror(errno);
    maps_.request_metrics = map_.get();
    maps_.overflowed_request_metrics = overflowed_.get();
  }

  // As if the programs had come to `metrics` on each CPU.
  void Set(const up_request_metrics& metrics) {
    std::vector<up_request_metrics> cpus(static_cast<size_t>(libbpf_num_possible_cpus()), metrics);
    ASSERT_EQ(bpf_map_update_elem(map_.get(), &key_, cpus.data(), BPF_ANY), 0);
  }

  up_request_key key_{};
  UniqueFd map_;
  UniqueFd overflowed_;
  probe::BpfMaps maps_;
  probe::RequestMetrics sums_{maps_};
};

TEST_F(RequestSumsTest, AreRightWhereACountGoesRound) {
  const auto cpus = static_cast<uint64_t>(libbpf_num_possible_cpus());
  up_request_metrics metrics{};
  metrics.duration.sum_ns = 10;
  metrics.duration.counts[0] = std::numeric_limits<uint32_t>::max() - 2;
  metrics.duration.counts[1] = 7;
  metrics.request_size.sum = 100;
  metrics.response_size.counts[UP_SIZE_BOUND_COUNT] = 1;
  Set(metrics);
  ASSERT_EQ(sums_.Take().size(), 1U);

  metrics.duration.sum_ns += 5;
  metrics.duration.counts[0] += 4;
  metrics.duration.counts[UP_DURATION_CELLS - 1] += 2;
  metrics.request_size.sum += 50;
  metrics.response_size.counts[UP_SIZE_BOUND_COUNT] += 3;
  ASSERT_EQ(metrics.duration.counts[0], 1U);
  Set(metrics);
  const std::vector<probe::RequestSums> added = sums_.Take();

  ASSERT_EQ(added.size(), 1U);
  EXPECT_EQ(added[0].metrics.duration.sum_ns, 5 * cpus);
  EXPECT_EQ(added[0].metrics.duration.counts[0], 4 * cpus);
  EXPECT_EQ(added[0].metrics.duration.counts[1], 0U);
  EXPECT_EQ(added[0].metrics.duration.counts[UP_DURATION_CELLS - 1], 2 * cpus);
  EXPECT_EQ(added[0].metrics.request_size.sum, 50 * cpus);
  EXPECT_EQ(added[0].metrics.response_size.counts[UP_SIZE_BOUND_COUNT], 3 * cpus);
  EXPECT_TRUE(sums_.Take().empty());
}

}  // namespace
}  // namespace uprobed::testing
