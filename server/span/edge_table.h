#ifndef UPROBED_SERVER_SPAN_EDGE_TABLE_H_
#define UPROBED_SERVER_SPAN_EDGE_TABLE_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "server/span/edge.h"

namespace uprobed::span {

// What became of the edges after a revision. Applied in any order, because no edge is in two lists.
struct EdgeChanges {
  uint64_t revision = 0;  // what to ask for next
  // `added` holds every edge there is, and what was known before is void.
  bool snapshot = false;
  std::vector<Edge> added{};
  std::vector<Edge> changed{};
  std::vector<EdgeKey> removed{};
};

// The edges: bounded in number, dropped when they were not seen for a while, and numbered by
// revisions so that whoever follows them needs no queue: it asks for what changed since it last
// asked, and is given everything anew if that is too long ago. Thread: the owner's only.
class EdgeTable {
 public:
  // The overflow edge comes on top of `max_edges`.
  EdgeTable(size_t max_edges, int64_t window_ns) : max_edges_(max_edges), window_ns_(window_ns) {}

  // Returns whether the call was counted on the overflow edge. `now_ns` is monotonic.
  bool Count(const Call& call, int64_t now_ns);
  // Gives the edges counted under the bare address to the service.
  void NameService(uint64_t network_namespace, const std::string& authority,
                   const std::string& service);
  // Drops the edges that were not seen for the window.
  void Expire(int64_t now_ns);

  std::vector<Edge> Snapshot() const;  // ordered by key
  // `revision` is 0 or of an earlier answer.
  EdgeChanges ChangesSince(uint64_t revision) const;
  size_t size() const { return edges_.size(); }
  uint64_t dropped() const { return dropped_; }  // edges that left the window

 private:
  struct Key {
    EdgeKey edge;
    std::optional<uint64_t> unresolved_in;
    auto operator<=>(const Key&) const = default;
  };
  // The same, of a key that stands elsewhere.
  struct KeyView {
    const EdgeKey& edge;
    const std::optional<uint64_t>& unresolved_in;
  };
  struct KeyHash {
    using is_transparent = void;
    size_t operator()(const Key& key) const {
      return (*this)(KeyView{key.edge, key.unresolved_in});
    }
    size_t operator()(const KeyView& key) const {
      return absl::HashOf(key.edge, key.unresolved_in);
    }
  };
  struct KeyEqual {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return a.edge == b.edge && a.unresolved_in == b.unresolved_in;
    }
  };
  struct Entry {
    Edge edge;
    int64_t touched_ns = 0;
    uint64_t created = 0;  // revisions, of the edge that the caller sees
    uint64_t changed = 0;
  };
  struct Removal {
    uint64_t revision = 0;
    uint64_t created = 0;
    EdgeKey key;
  };
  using Entries = std::map<Key, Entry>;

  static void AddTo(Edge& sum, const Edge& edge);
  Entry& EntryToCountOn(const Call& call, bool& overflowed);
  Entry& EntryOf(const Key& key);
  Entries::iterator Remove(Entries::iterator entry);
  // The first entry of the same edge, in whatever namespace; end() where there is none.
  Entries::iterator FirstOf(const EdgeKey& key);

  const size_t max_edges_;
  const int64_t window_ns_;
  Entries edges_;
  absl::flat_hash_map<Key, Entry*, KeyHash, KeyEqual> index_;
  uint64_t revision_ = 1;  // 0 is what a new follower knows
  std::deque<Removal> removals_;
  uint64_t forgotten_removal_ = 0;  // revision of the newest removal that is no longer listed
  int64_t next_expiry_ns_ = std::numeric_limits<int64_t>::min();
  uint64_t dropped_ = 0;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_EDGE_TABLE_H_
