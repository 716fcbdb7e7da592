#include "server/probe/request_metrics.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cstring>
#include <functional>
#include <iterator>
#include <utility>

namespace uprobed::probe {
namespace {

// Adds to each count, or takes from it, what the other has in its place. Counts go round, so that
// differences are right whatever they had come to.
template <typename Operation>
void Combine(up_request_metrics& to, const up_request_metrics& other, const Operation& operation) {
  const auto combine = [&operation](auto& one, const auto& another) {
    for (size_t i = 0; i < std::size(one); ++i) one[i] = operation(one[i], another[i]);
  };
  to.duration.sum_ns = operation(to.duration.sum_ns, other.duration.sum_ns);
  combine(to.duration.counts, other.duration.counts);
  for (const auto size : {&up_request_metrics::request_size, &up_request_metrics::response_size}) {
    (to.*size).sum = operation((to.*size).sum, (other.*size).sum);
    combine((to.*size).counts, (other.*size).counts);
  }
}

std::string BytesOf(const up_request_key& key) {
  return std::string(reinterpret_cast<const char*>(&key), sizeof(key));
}

}  // namespace

// Programs insert meanwhile: the kernel then may restart the walk, so it is bounded by the size of
// the map. What comes twice adds nothing, and what is missed is found next time.
std::vector<up_request_key> RequestMetrics::Keys() const {
  std::vector<up_request_key> keys;
  up_request_key key{};
  const up_request_key* previous = nullptr;
  while (keys.size() < UP_REQUEST_METRICS_MAX &&
         bpf_map_get_next_key(maps_.request_metrics, previous, &key) == 0) {
    keys.push_back(key);
    previous = &key;
  }
  return keys;
}

std::optional<up_request_metrics> RequestMetrics::Sum(int map, const void* key) {
  std::vector<up_request_metrics> cpus(static_cast<size_t>(libbpf_num_possible_cpus()));
  up_request_metrics sum{};
  if (bpf_map_lookup_elem(map, key, cpus.data()) != 0) return std::nullopt;
  for (const up_request_metrics& cpu : cpus) Combine(sum, cpu, std::plus<>());
  return sum;
}

void RequestMetrics::Append(RequestSums now, up_request_metrics& before,
                            std::vector<RequestSums>& to) {
  const up_request_metrics read = std::exchange(before, now.metrics);
  Combine(now.metrics, read, std::minus<>());
  static constexpr up_request_metrics kNothing{};
  if (std::memcmp(&now.metrics, &kNothing, sizeof(kNothing)) != 0) to.push_back(now);
}

void RequestMetrics::AppendKey(const up_request_key& key, std::vector<RequestSums>& to) {
  const std::optional<up_request_metrics> sum = Sum(maps_.request_metrics, &key);
  if (!sum.has_value()) return;
  Append({.overflowed = false, .key = key, .metrics = *sum}, read_[BytesOf(key)], to);
}

std::vector<RequestSums> RequestMetrics::Take() {
  const absl::MutexLock lock(&mutex_);
  std::vector<RequestSums> taken = std::move(removed_);
  removed_.clear();
  for (const up_request_key& key : Keys()) AppendKey(key, taken);
  for (uint32_t index = 0; index < UP_REQUEST_KINDS; ++index) {
    const std::optional<up_request_metrics> sum = Sum(maps_.overflowed_request_metrics, &index);
    if (!sum.has_value()) continue;
    up_request_key key{};
    key.kind = index + 1;
    Append({.overflowed = true, .key = key, .metrics = *sum}, overflow_read_[index], taken);
  }
  return taken;
}

void RequestMetrics::Remove(const std::function<bool(const up_request_key&)>& wanted) {
  const absl::MutexLock lock(&mutex_);
  for (const up_request_key& key : Keys()) {
    if (!wanted(key)) continue;
    AppendKey(key, removed_);
    // It is gone already where the walk came twice to it.
    bpf_map_delete_elem(maps_.request_metrics, &key);
    read_.erase(BytesOf(key));
  }
}

void RequestMetrics::RemoveSlot(uint32_t slot) {
  Remove([slot](const up_request_key& key) { return key.slot == slot; });
}

void RequestMetrics::RemoveExited(const std::function<bool(uint32_t tgid)>& exited) {
  Remove([&exited](const up_request_key& key) { return exited(key.tgid); });
}

}  // namespace uprobed::probe
