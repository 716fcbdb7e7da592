#include "server/probe/context_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "server/base/errors.h"

namespace uprobed::probe {
namespace {

constexpr size_t kContexts = size_t{UP_CONTEXT_BUCKETS} * UP_CONTEXT_WAYS;
constexpr size_t kContextBytes = sizeof(up_context) * kContexts;

}  // namespace

absl::StatusOr<ContextTable> ContextTable::Map(int map) {
  void* const address =
      mmap(nullptr, kContextBytes, PROT_READ | PROT_WRITE, MAP_SHARED, map, /*offset=*/0);
  if (address != MAP_FAILED) return ContextTable(static_cast<up_context*>(address));
  const int error = errno;
  if (error == ENOMEM || error == EAGAIN) {
    return MakeError(absl::StatusCode::kResourceExhausted, "CONTEXTS_NOT_MAPPED",
                     "the daemon may not map the 4 MiB in which requests are found by their "
                     "contexts: raise its memory limit (LimitAS, memory.max)");
  }
  return MakeErrnoError(error, "KERNEL_FEATURE_MISSING",
                        "the kernel lets nobody map a BPF array; kernel 5.15 or later is needed, "
                        "`uprobectl doctor` says what is missing");
}

void ContextTable::Unmap::operator()(up_context* contexts) const noexcept {
  munmap(contexts, kContextBytes);
}

std::span<up_context> ContextTable::entries() const { return {contexts_.get(), kContexts}; }

size_t ContextTable::CountIf(const Predicate& wanted) const {
  const std::span<up_context> all = entries();
  return static_cast<size_t>(std::count_if(all.begin(), all.end(), [&](up_context& entry) {
    return std::atomic_ref<uint64_t>(entry.context).load() != 0 && wanted(entry);
  }));
}

void ContextTable::RemoveIf(const Predicate& wanted) const {
  for (up_context& entry : entries()) {
    std::atomic_ref<uint64_t> context(entry.context);
    uint64_t address = context.load();
    if (address != 0 && wanted(entry)) context.compare_exchange_strong(address, 0);
  }
}

}  // namespace uprobed::probe
