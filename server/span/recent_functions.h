#ifndef UPROBED_SERVER_SPAN_RECENT_FUNCTIONS_H_
#define UPROBED_SERVER_SPAN_RECENT_FUNCTIONS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

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

  // Says that the span will be remembered in a moment, so that the memory is at hand by then: more
  // is remembered than caches hold, and waiting for it is most of what it takes.
  void Prepare(const SpanId& span_id) const {
    if (sets_.empty()) return;
    const Set& set = sets_[SetOf(span_id)];
    __builtin_prefetch(&set);
    __builtin_prefetch(&set.next);
  }
  // The place of the function of the span, which has to be set before anything else is remembered.
  FunctionName& PlaceOf(const SpanId& span_id) {
    if (sets_.empty()) Allocate();
    const size_t set = SetOf(span_id);
    Set& ids = sets_[set];
    size_t way = WayOf(ids, span_id);
    if (way == kWays) {
      way = ids.next;
      ids.next = (ids.next + 1) % kWays;
      ids.ids[way] = BitsOf(span_id);
    }
    FunctionName& place = functions_[set * kWays + way];
    __builtin_prefetch(&place);
    return place;
  }
  // nullptr: not remembered.
  const FunctionName* Find(const SpanId& span_id) const {
    if (sets_.empty()) return nullptr;
    const size_t set = SetOf(span_id);
    const size_t way = WayOf(sets_[set], span_id);
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
  size_t SetOf(const SpanId& span_id) const { return SpanIdHash()(span_id) % set_count_; }
  // kWays: it is not there.
  static size_t WayOf(const Set& set, const SpanId& span_id) {
    const auto found = std::find(set.ids.begin(), set.ids.end(), BitsOf(span_id));
    return static_cast<size_t>(found - set.ids.begin());
  }

  const size_t set_count_;
  std::vector<Set> sets_;
  std::vector<FunctionName> functions_;  // of each set, in the order of its ids
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_RECENT_FUNCTIONS_H_
