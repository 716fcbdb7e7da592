#ifndef UPROBED_SERVER_METRICS_BOUNDED_SERIES_H_
#define UPROBED_SERVER_METRICS_BOUNDED_SERIES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/metrics/families.h"

namespace uprobed::metrics {

// Values of type `Series` by the values of their labels: at most `max_series` of them, and one
// more, whose labels are all "_other", that takes the rest. A series that was not used for a while
// is forgotten, as its edge is. Thread: the owner's only.
//
// A `Key` is what a series is of: it is hashed and compared, and its values() are those of the
// labels.
template <typename Key, typename Series>
class BoundedSeries {
 public:
  BoundedSeries(std::vector<std::string> label_names, size_t max_series, int64_t window_ns)
      : label_names_(std::move(label_names)), max_series_(max_series), window_ns_(window_ns) {}

  Series& Of(const Key& key, int64_t now_ns) {
    auto found = series_.find(key);
    if (found == series_.end()) {
      if (series_.size() >= max_series_) {
        ++overflowed_;
        return overflow_;
      }
      found = series_.try_emplace(key, std::make_unique<Entry>()).first;
    }
    found->second->used_ns = now_ns;
    return found->second->series;
  }

  void Expire(int64_t now_ns) {
    if (now_ns < next_expiry_ns_) return;
    int64_t oldest_ns = now_ns;
    for (auto entry = series_.begin(); entry != series_.end();) {
      const auto each = entry++;
      if (now_ns - each->second->used_ns > window_ns_) {
        series_.erase(each);
      } else {
        oldest_ns = std::min(oldest_ns, each->second->used_ns);
      }
    }
    next_expiry_ns_ = oldest_ns + window_ns_ + 1;
  }

  // Calls `visit(labels, series)` for each, in no order, the overflow series last and only if it
  // was used.
  template <typename Visitor>
  void Visit(const Visitor& visit) const {
    for (const auto& [key, entry] : series_) visit(LabelsOf(key.values()), entry->series);
    if (overflowed_ == 0) return;
    visit(LabelsOf(std::vector<std::string>(label_names_.size(), "_other")), overflow_);
  }

  size_t size() const { return series_.size(); }
  uint64_t overflowed() const { return overflowed_; }  // values on the overflow series

 private:
  struct Entry {
    Series series{};
    int64_t used_ns = 0;
  };

  template <typename Values>
  Labels LabelsOf(const Values& values) const {
    Labels labels;
    for (size_t i = 0; i < label_names_.size(); ++i) {
      labels.push_back({label_names_[i], std::string(values[i])});
    }
    return labels;
  }

  const std::vector<std::string> label_names_;
  const size_t max_series_;
  const int64_t window_ns_;
  absl::flat_hash_map<Key, std::unique_ptr<Entry>> series_;
  Series overflow_{};
  uint64_t overflowed_ = 0;
  int64_t next_expiry_ns_ = std::numeric_limits<int64_t>::min();
};

}  // namespace uprobed::metrics

#endif  // UPROBED_SERVER_METRICS_BOUNDED_SERIES_H_
