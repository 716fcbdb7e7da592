#include "server/probe/request_metrics.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cstring>
#include <utility>

namespace uprobed::probe {
namespace {

// A struct of counts and nothing else, as the sum of which CPUs' parts, or differences, are made.
constexpr size_t kWords = sizeof(up_request_metrics) / sizeof(uint64_t);
using Words = std::array<uint64_t, kWords>;
static_assert(sizeof(Words) == sizeof(up_request_metrics));

Words ToWords(const up_request_metrics& metrics) {
  Words words;
  std::memcpy(words.data(), &metrics, sizeof(metrics));
  return words;
}

up_request_metrics FromWords(const Words& words) {
  up_request_metrics metrics;
  std::memcpy(&metrics, words.data(), sizeof(metrics));
  return metrics;
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
  Words sum{};
  if (bpf_map_lookup_elem(map, key, cpus.data()) != 0) return std::nullopt;
  for (const up_request_metrics& cpu : cpus) {
    const Words words = ToWords(cpu);
    for (size_t i = 0; i < kWords; ++i) sum[i] += words[i];
  }
  return FromWords(sum);
}

void RequestMetrics::Append(RequestSums now, up_request_metrics& before,
                            std::vector<RequestSums>& to) {
  const Words read = ToWords(before);
  before = now.metrics;
  Words added = ToWords(now.metrics);
  bool any = false;
  for (size_t i = 0; i < kWords; ++i) {
    added[i] -= read[i];
    any = any || added[i] != 0;
  }
  if (!any) return;
  now.metrics = FromWords(added);
  to.push_back(now);
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
