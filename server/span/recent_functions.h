#ifndef UPROBED_SERVER_SPAN_RECENT_FUNCTIONS_H_
#define UPROBED_SERVER_SPAN_RECENT_FUNCTIONS_H_

#include <cstddef>
#include <cstring>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>

#include "server/span/span.h"

namespace uprobed::span {

// A function as edges name it, and whether it was made of a path.
struct FunctionName {
  std::string name;
  bool derived = false;
};

// What the requests were that were served last: a call that goes on after the request which it was
// made for has been answered is counted all the same. Thread: the owner's only.
class RecentFunctions {
 public:
  explicit RecentFunctions(size_t capacity) : capacity_(capacity) {}

  void Remember(const SpanId& span_id, FunctionName function) {
    if (!functions_.insert_or_assign(span_id, std::move(function)).second) return;
    order_.push_back(span_id);
    if (order_.size() <= capacity_) return;
    functions_.erase(order_.front());
    order_.pop_front();
  }
  // nullptr: not remembered.
  const FunctionName* Find(const SpanId& span_id) const {
    const auto found = functions_.find(span_id);
    return found == functions_.end() ? nullptr : &found->second;
  }

 private:
  struct SpanIdHash {
    size_t operator()(const SpanId& id) const {
      // Span ids are random already.
      static_assert(sizeof(size_t) == sizeof(SpanId));
      size_t hash = 0;
      std::memcpy(&hash, id.data(), sizeof(hash));
      return hash;
    }
  };

  const size_t capacity_;
  std::unordered_map<SpanId, FunctionName, SpanIdHash> functions_;
  std::deque<SpanId> order_;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_RECENT_FUNCTIONS_H_
