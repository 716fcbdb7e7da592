#include "server/span/edge_table.h"

#include <algorithm>
#include <set>
#include <utility>

namespace uprobed::span {
namespace {

// A follower that asks every second falls behind it only if more edges than this go in a second.
constexpr size_t kMaxRemovals = 16384;

}  // namespace

void EdgeTable::AddTo(Edge& sum, const Edge& edge) {
  const bool first = sum.count == 0;
  sum.count += edge.count;
  sum.errors += edge.errors;
  sum.latency_sum_ns += edge.latency_sum_ns;
  sum.latency_max_ns = std::max(sum.latency_max_ns, edge.latency_max_ns);
  sum.first_seen_unix_ns =
      first ? edge.first_seen_unix_ns : std::min(sum.first_seen_unix_ns, edge.first_seen_unix_ns);
  sum.last_seen_unix_ns = std::max(sum.last_seen_unix_ns, edge.last_seen_unix_ns);
  sum.caller_function_derived =
      (first || sum.caller_function_derived) && edge.caller_function_derived;
  sum.callee_function_derived =
      (first || sum.callee_function_derived) && edge.callee_function_derived;
}

EdgeTable::Entries::iterator EdgeTable::FirstOf(const EdgeKey& key) {
  // Without a namespace orders before any.
  const auto found = edges_.lower_bound(Key{key, std::nullopt});
  return found != edges_.end() && found->first.edge == key ? found : edges_.end();
}

EdgeTable::Entry& EdgeTable::EntryOf(const Key& key) {
  const auto found = edges_.find(key);
  if (found != edges_.end()) return found->second;
  const auto same_edge = FirstOf(key.edge);
  const uint64_t created = same_edge == edges_.end() ? ++revision_ : same_edge->second.created;
  Entry& entry = edges_[key];
  index_.emplace(key, &entry);
  entry.edge.key = key.edge;
  entry.created = created;
  return entry;
}

EdgeTable::Entries::iterator EdgeTable::Remove(Entries::iterator entry) {
  const EdgeKey key = entry->first.edge;
  const uint64_t created = entry->second.created;
  index_.erase(entry->first);
  const auto next = edges_.erase(entry);
  const auto same_edge = FirstOf(key);
  ++revision_;
  if (same_edge != edges_.end()) {
    same_edge->second.changed = revision_;
    return next;
  }
  removals_.push_back({.revision = revision_, .created = created, .key = key});
  if (removals_.size() > kMaxRemovals) {
    forgotten_removal_ = removals_.front().revision;
    removals_.pop_front();
  }
  return next;
}

EdgeTable::Entry& EdgeTable::EntryToCountOn(const Call& call, bool& overflowed) {
  const auto known = index_.find(KeyView{call.key, call.unresolved_in});
  if (known != index_.end()) return *known->second;
  const Key overflow{.edge = {kOverflow, kOverflow, kOverflow, kOverflow},
                     .unresolved_in = std::nullopt};
  overflowed = edges_.size() - edges_.count(overflow) >= max_edges_;
  return EntryOf(overflowed ? overflow
                            : Key{.edge = call.key, .unresolved_in = call.unresolved_in});
}

bool EdgeTable::Count(const Call& call, int64_t now_ns) {
  bool overflowed = false;
  Entry& entry = EntryToCountOn(call, overflowed);
  AddTo(entry.edge, {.key = {},
                     .count = 1,
                     .errors = call.is_error ? 1U : 0U,
                     .latency_sum_ns = call.latency_ns,
                     .latency_max_ns = call.latency_ns,
                     .first_seen_unix_ns = call.end_unix_ns,
                     .last_seen_unix_ns = call.end_unix_ns,
                     .caller_function_derived = call.caller_function_derived && !overflowed,
                     .callee_function_derived = call.callee_function_derived && !overflowed});
  entry.touched_ns = now_ns;
  entry.changed = ++revision_;
  return overflowed;
}

void EdgeTable::NameService(uint64_t network_namespace, const std::string& authority,
                            const std::string& service) {
  for (auto entry = edges_.begin(); entry != edges_.end();) {
    if (entry->first.unresolved_in != network_namespace || entry->first.edge.callee != authority) {
      ++entry;
      continue;
    }
    Key known{.edge = entry->first.edge, .unresolved_in = std::nullopt};
    known.edge.callee = service;
    Entry& merged = EntryOf(known);
    AddTo(merged.edge, entry->second.edge);
    merged.touched_ns = std::max(merged.touched_ns, entry->second.touched_ns);
    merged.changed = ++revision_;
    entry = Remove(entry);
  }
}

void EdgeTable::Expire(int64_t now_ns) {
  if (now_ns < next_expiry_ns_) return;
  int64_t oldest_ns = now_ns;
  for (auto entry = edges_.begin(); entry != edges_.end();) {
    const int64_t touched_ns = entry->second.touched_ns;
    if (now_ns - touched_ns > window_ns_) {
      entry = Remove(entry);
      ++dropped_;
    } else {
      oldest_ns = std::min(oldest_ns, touched_ns);
      ++entry;
    }
  }
  // Nothing can leave the window before what is the oldest now.
  next_expiry_ns_ = oldest_ns + window_ns_ + 1;
}

std::vector<Edge> EdgeTable::Snapshot() const { return ChangesSince(0).added; }

EdgeChanges EdgeTable::ChangesSince(uint64_t revision) const {
  EdgeChanges changes{.revision = revision_};
  changes.snapshot = revision == 0 || revision < forgotten_removal_;
  if (revision == revision_) return changes;
  // What the follower knew and may have lost. It never heard of what came and went since.
  std::set<EdgeKey> removed;
  const auto newer =
      std::upper_bound(removals_.begin(), removals_.end(), revision,
                       [](uint64_t value, const Removal& each) { return value < each.revision; });
  for (auto removal = newer; !changes.snapshot && removal != removals_.end(); ++removal) {
    if (removal->created <= revision) removed.insert(removal->key);
  }
  // Entries of one edge, in several namespaces, stand side by side.
  for (auto entry = edges_.begin(); entry != edges_.end();) {
    const auto first = entry;
    uint64_t changed = 0;
    for (; entry != edges_.end() && entry->first.edge == first->first.edge; ++entry) {
      changed = std::max(changed, entry->second.changed);
    }
    if (!changes.snapshot && changed <= revision) continue;
    Edge sum;
    sum.key = first->first.edge;
    for (auto each = first; each != entry; ++each) AddTo(sum, each->second.edge);
    // What went and is back was there all the time, as far as the follower can tell.
    const bool is_known = removed.erase(sum.key) > 0 || first->second.created <= revision;
    (changes.snapshot || !is_known ? changes.added : changes.changed).push_back(std::move(sum));
  }
  changes.removed.assign(removed.begin(), removed.end());
  return changes;
}

}  // namespace uprobed::span
