#ifndef UPROBED_SERVER_METRICS_SNAPSHOT_H_
#define UPROBED_SERVER_METRICS_SNAPSHOT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace uprobed::metrics {

// All metrics at one moment, free of any exporter's types.
enum class FamilyType : uint8_t { kCounter, kGauge, kHistogram };

struct MetricSnapshot {
  std::map<std::string, std::string> labels;
  double value = 0;  // of a counter or gauge
  uint64_t count = 0;
  double sum = 0;
  std::vector<double> upper_bounds;  // the last is +Inf
  std::vector<uint64_t> cumulative_counts;
};

struct FamilySnapshot {
  std::string name;
  std::string help;
  FamilyType type = FamilyType::kCounter;
  std::vector<MetricSnapshot> metrics;
};

using Collector = std::function<std::vector<FamilySnapshot>()>;

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_SNAPSHOT_H_
