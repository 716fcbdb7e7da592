#ifndef UPROBED_SERVER_SPAN_TIME_INDEX_H_
#define UPROBED_SERVER_SPAN_TIME_INDEX_H_

#include <cstdint>
#include <functional>
#include <memory_resource>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"

namespace uprobed::span {

// Finds values by a hash, and among those of one hash by a time in nanoseconds. Most hashes have
// one value or few, some have thousands. Thread: the owner's only.
template <typename Value>
class TimeIndex {
 public:
  // `memory` outlives the index.
  explicit TimeIndex(std::pmr::memory_resource* memory) : memory_(memory) {}

  // `sequence` makes it unique; of one time, the lower goes first.
  void Add(uint64_t hash, int64_t time_ns, uint64_t sequence, Value value) {
    ByTime& by_time = by_hash_.try_emplace(hash, memory_).first->second;
    // Most come in order of time.
    by_time.emplace_hint(by_time.end(), Key(time_ns, sequence), std::move(value));
  }

  void Remove(uint64_t hash, int64_t time_ns, uint64_t sequence) {
    const auto found = by_hash_.find(hash);
    if (found == by_hash_.end()) return;
    ByTime& by_time = found->second;
    const Key key(time_ns, sequence);
    // As a rule it is the oldest that goes.
    const auto first = by_time.begin();
    if (first != by_time.end() && first->first == key) {
      by_time.erase(first);
    } else {
      by_time.erase(key);
    }
    if (by_time.empty()) by_hash_.erase(found);
  }

  // The first value of the hash from `from_ns` to `to_ns` for which `accept(value)` is true, or
  // nullptr.
  template <typename Accept>
  const Value* Find(uint64_t hash, int64_t from_ns, int64_t to_ns, const Accept& accept) const {
    const auto found = by_hash_.find(hash);
    if (found == by_hash_.end()) return nullptr;
    const ByTime& by_time = found->second;
    for (auto each = by_time.lower_bound(Key(from_ns, 0));
         each != by_time.end() && each->first.first <= to_ns; ++each) {
      if (accept(each->second)) return &each->second;
    }
    return nullptr;
  }

 private:
  using Key = std::pair<int64_t, uint64_t>;
  using ByTime = absl::btree_map<Key, Value, std::less<Key>,
                                 std::pmr::polymorphic_allocator<std::pair<const Key, Value>>>;

  std::pmr::memory_resource* memory_;
  absl::flat_hash_map<uint64_t, ByTime> by_hash_;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_TIME_INDEX_H_
