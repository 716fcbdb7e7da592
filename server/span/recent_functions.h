#ifndef UPROBED_SERVER_SPAN_RECENT_FUNCTIONS_H_
#define UPROBED_SERVER_SPAN_RECENT_FUNCTIONS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "server/span/name.h"
#include "server/span/span.h"
#include "server/span/span_id_map.h"

namespace uprobed::span {

// A function as edges name it, and whether it was made of a path.
struct FunctionName {
  Name name;
  bool derived = false;
};

// What the requests were that were served last: a call that goes on after the request which it was
// made for has been answered is counted all the same. Each set of a hash forgets its oldest when it
// is full. There is room for twice the `capacity`, so that of the last `capacity` requests hardly
// any is forgotten, of the oldest of these one in a hundred. Thread: the owner's only.
class RecentFunctions {
 public:
  explicit RecentFunctions(size_t capacity) : set_count_(2 * capacity / kWays + 1) {}
  RecentFunctions(const RecentFunctions&) = delete;
  RecentFunctions& operator=(const RecentFunctions&) = delete;

  // More is remembered than caches hold, and waiting for memory is most of what it would take: so
  // it gets to its place while the next two are told, by when the memory is at hand.
  void Remember(const SpanId& span_id, FunctionName function) {
    if (sets_.empty()) Allocate();
    if (placed_.place != nullptr) *placed_.place = std::move(placed_.function);
    if (has_told_) {
      placed_ = {.id = told_.id, .function = std::move(told_.function), .place = PlaceOf(told_.id)};
      __builtin_prefetch(placed_.place);
    }
    told_ = {.id = BitsOf(span_id), .function = std::move(function)};
    has_told_ = true;
    const Set& set = sets_[SetOf(told_.id)];
    __builtin_prefetch(&set);
    __builtin_prefetch(&set.next);
  }
  // nullptr: not remembered.
  const FunctionName* Find(const SpanId& span_id) const {
    const uint64_t id = BitsOf(span_id);
    if (has_told_ && told_.id == id) return &told_.function;
    if (placed_.place != nullptr && placed_.id == id) return &placed_.function;
    if (sets_.empty()) return nullptr;
    const size_t set = SetOf(id);
    const size_t way = WayOf(sets_[set], id);
    if (way == kWays) return nullptr;
    const FunctionName& function = functions_[set * kWays + way];
    return function.name.empty() ? nullptr : &function;  // a place that nothing has yet
  }

 private:
  // With the place of the next, two lines of the cache.
  static constexpr size_t kWays = 15;
  struct alignas(64) Set {
    std::array<uint64_t, kWays> ids{};
    uint64_t next = 0;  // the oldest, once all are taken
  };

  // What serves no requests needs no memory for them.
  void Allocate() {
    sets_.resize(set_count_);
    functions_.resize(set_count_ * kWays);
  }
  size_t SetOf(uint64_t id) const { return absl::HashOf(id) % set_count_; }
  // kWays: it is not there.
  static size_t WayOf(const Set& set, uint64_t id) {
    const auto found = std::find(set.ids.begin(), set.ids.end(), id);
    return static_cast<size_t>(found - set.ids.begin());
  }
  FunctionName* PlaceOf(uint64_t id) {
    const size_t set = SetOf(id);
    Set& ids = sets_[set];
    size_t way = WayOf(ids, id);
    if (way == kWays) {
      way = ids.next;
      ids.next = (ids.next + 1) % kWays;
      ids.ids[way] = id;
    }
    return &functions_[set * kWays + way];
  }

  const size_t set_count_;
  std::vector<Set> sets_;
  std::vector<FunctionName> functions_;  // of each set, in the order of its ids
  // The last two.
  struct Remembered {
    uint64_t id = 0;
    FunctionName function{};
    FunctionName* place = nullptr;
  };
  bool has_told_ = false;
  Remembered told_;
  Remembered placed_;  // has a place, where it is not yet
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_RECENT_FUNCTIONS_H_
