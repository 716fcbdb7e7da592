#ifndef UPROBED_SERVER_METRICS_SNAPSHOT_H_
#define UPROBED_SERVER_METRICS_SNAPSHOT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace uprobed::metrics {

// All metrics at one moment, free of any exporter's types.
enum class FamilyType : uint8_t { kCounter, kGauge, kHistogram };

// As in OpenTelemetry's data model.
struct ExponentialHistogram {
  int32_t scale = 0;
  double sum = 0;
  uint64_t count = 0;
  uint64_t zero_count = 0;
  double zero_threshold = 0;
  int32_t offset = 0;                   // the first bucket's index
  std::vector<uint64_t> bucket_counts;  // neither the first nor the last is 0
};

struct MetricSnapshot {
  std::map<std::string, std::string> labels;
  double value = 0;  // of a counter or gauge
  uint64_t count = 0;
  double sum = 0;
  std::vector<double> upper_bounds;  // the last is +Inf
  std::vector<uint64_t> cumulative_counts;
  std::optional<ExponentialHistogram> exponential;  // of the same values
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
