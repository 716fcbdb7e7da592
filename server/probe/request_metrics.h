#ifndef UPROBED_SERVER_PROBE_REQUEST_METRICS_H_
#define UPROBED_SERVER_PROBE_REQUEST_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "bpf/abi/request_metrics.h"
#include "server/probe/bpf_object.h"

namespace uprobed::probe {

// Requests that have the same labels and became no event.
struct RequestSums {
  // Of those that found no room among the labels only the kind is known.
  bool overflowed = false;
  up_request_key key{};
  up_request_metrics metrics{};
};

// Reads what the programs add up of requests that become no event. Each is given out once.
// Thread-safe. `maps` outlives it.
class RequestMetrics {
 public:
  explicit RequestMetrics(const BpfMaps& maps) : maps_(maps) {}

  // What was added since the last call.
  std::vector<RequestSums> Take();
  // Make room: what they had is given out by the next Take(). Call them when nothing can be added
  // any more, that is after the sites are detached, or the processes have exited.
  void RemoveSlot(uint32_t slot);
  void RemoveExited(const std::function<bool(uint32_t tgid)>& exited);

 private:
  std::vector<up_request_key> Keys() const;
  // Over the CPUs; nullopt where it cannot be read.
  static std::optional<up_request_metrics> Sum(int map, const void* key);
  // Appends what was added since `before`, which it is then.
  static void Append(RequestSums now, up_request_metrics& before, std::vector<RequestSums>& to);
  void AppendKey(const up_request_key& key, std::vector<RequestSums>& to)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(const std::function<bool(const up_request_key&)>& wanted);

  const BpfMaps& maps_;
  absl::Mutex mutex_;
  std::map<std::string, up_request_metrics> read_ ABSL_GUARDED_BY(mutex_);  // by the key's bytes
  up_request_metrics overflow_read_[UP_REQUEST_KINDS] ABSL_GUARDED_BY(mutex_) = {};
  std::vector<RequestSums> removed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_REQUEST_METRICS_H_
