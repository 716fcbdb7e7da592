#ifndef UPROBED_SERVER_PROBE_CONTEXT_TABLE_H_
#define UPROBED_SERVER_PROBE_CONTEXT_TABLE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "bpf/abi/in_flight.h"

namespace uprobed::probe {

// The programs' table of contexts (bpf/context_table.h) in the daemon's memory: 4 MiB, which stay
// resident as long as they are mapped, so that it is mapped for a walk and no longer. Programs
// claim and free entries meanwhile. Thread: one at a time.
class ContextTable {
 public:
  // `map`: the file descriptor of server_contexts. KERNEL_FEATURE_MISSING where the kernel maps no
  // array, or RESOURCE_EXHAUSTED CONTEXTS_NOT_MAPPED where it has no memory for it.
  static absl::StatusOr<ContextTable> Map(int map);

  using Predicate = std::function<bool(const up_context&)>;
  size_t CountIf(const Predicate& wanted) const;
  // Frees those entries that are still the same when their turn comes.
  void RemoveIf(const Predicate& wanted) const;

 private:
  struct Unmap {
    void operator()(up_context* contexts) const noexcept;
  };
  explicit ContextTable(up_context* contexts) : contexts_(contexts) {}
  std::span<up_context> entries() const;

  std::unique_ptr<up_context, Unmap> contexts_;
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_CONTEXT_TABLE_H_
