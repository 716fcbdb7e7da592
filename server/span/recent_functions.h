#ifndef UPROBED_SERVER_SPAN_RECENT_FUNCTIONS_H_
#define UPROBED_SERVER_SPAN_RECENT_FUNCTIONS_H_

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/span/name.h"
#include "server/span/span.h"

namespace uprobed::span {

// A function as edges name it, and whether it was made of a path.
struct FunctionName {
  Name name;
  bool derived = false;
};

// What the requests were that were served last: a call that goes on after the request which it was
// made for has been answered is counted all the same. Thread: the owner's only.
class RecentFunctions {
 public:
  explicit RecentFunctions(size_t capacity) : capacity_(capacity) {}

  void Remember(const SpanId& span_id, FunctionName function) {
    const auto [known, is_new] = places_.try_emplace(span_id, next_);
    if (!is_new) {
      served_[known->second].function = std::move(function);
      return;
    }
    if (served_.size() < capacity_) {
      served_.push_back({span_id, std::move(function)});
    } else {
      places_.erase(served_[next_].span_id);
      served_[next_] = {span_id, std::move(function)};
    }
    next_ = (next_ + 1) % capacity_;
  }
  // nullptr: not remembered.
  const FunctionName* Find(const SpanId& span_id) const {
    const auto found = places_.find(span_id);
    return found == places_.end() ? nullptr : &served_[found->second].function;
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

  struct Served {
    SpanId span_id{};
    FunctionName function{};
  };

  const size_t capacity_;
  std::vector<Served> served_;  // once it is full, the oldest is at next_
  size_t next_ = 0;
  absl::flat_hash_map<SpanId, size_t, SpanIdHash> places_;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_RECENT_FUNCTIONS_H_
