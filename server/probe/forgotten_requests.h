#ifndef UPROBED_SERVER_PROBE_FORGOTTEN_REQUESTS_H_
#define UPROBED_SERVER_PROBE_FORGOTTEN_REQUESTS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "bpf/abi/counters.h"
#include "server/probe/bpf_object.h"

namespace uprobed::probe {

// Requests that no program will end: the daemon forgets them, and counts each for its slot as the
// programs count the others. Thread-safe.
class ForgottenRequests {
 public:
  explicit ForgottenRequests(const BpfMaps& maps);

  // For who takes the slot, before its first site is live.
  void Reset(uint32_t slot);
  // What is under way in a slot whose sites are detached; AddTo() is final for it afterwards.
  void ForgetSlot(uint32_t slot);
  // What processes that have exited left behind. Waits for nobody: does nothing, and returns 0,
  // while a slot is being forgotten.
  size_t ForgetExited(const std::function<bool(uint32_t tgid)>& exited);
  void AddTo(uint32_t slot, up_counters& counters) const;

 private:
  struct Counts {
    std::atomic<uint64_t> exited = 0;
    std::atomic<uint64_t> detached = 0;
  };

  const BpfMaps& maps_;
  // Who removes an entry has counted it before the slot can be another's.
  absl::Mutex removal_mutex_;
  std::vector<Counts> counts_;  // by slot
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_FORGOTTEN_REQUESTS_H_
