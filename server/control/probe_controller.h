#ifndef UPROBED_SERVER_CONTROL_PROBE_CONTROLLER_H_
#define UPROBED_SERVER_CONTROL_PROBE_CONTROLLER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/control/probe.h"

namespace uprobed::control {

struct CreateOptions {
  bool validate_only = false;         // every check, no effect
  bool allow_missing_binary = false;  // a path that does not exist yet is no error
};

// A change of a probe, in the order in which it happened.
struct ProbeEvent {
  enum class Type : uint8_t { kAdded, kModified, kDeleted };
  Type type = Type::kAdded;
  uint64_t sequence = 0;  // ascending by 1; the resume token of a watch
  Probe probe;
};

// A bounded queue of events for one watcher. Thread-safe.
class ProbeWatch {
 public:
  virtual ~ProbeWatch() = default;
  struct Batch {
    std::vector<ProbeEvent> events;
    bool overflowed = false;  // events were lost: the watcher must list again
    bool closed = false;
  };
  virtual Batch Next(std::chrono::milliseconds timeout) = 0;
};

// The use cases of probes: desired state goes to the store first, then it is reconciled.
// Thread-safe. Errors are those of store, profile and probe, and PROBE_ID_INVALID, TARGET_MISSING,
// PROCESS_NOT_FOUND, BINARY_NOT_FOUND, ETAG_MISMATCH, TARGET_IMMUTABLE, SHUTTING_DOWN.
class ProbeController {
 public:
  // Fields of `record` that the caller fills: id (may be empty: derived from the file name), spec,
  // labels. Reconciles before it returns, so that the state of the result is the true one.
  absl::StatusOr<Probe> Create(store::ProbeRecord record, const CreateOptions& options);
  absl::StatusOr<Probe> Get(const std::string& id) const;
  // Ordered by id, those behind `after_id`, at most `limit`.
  std::vector<Probe> List(const std::string& after_id, size_t limit) const;
  // Replaces spec.enabled, instrumentations, capture_query, service_name and labels by those of
  // `record`. `etag` empty: any. The target never changes.
  absl::StatusOr<Probe> Update(const store::ProbeRecord& record, const std::string& etag,
                               bool validate_only);
  absl::Status Delete(const std::string& id, const std::string& etag, bool allow_missing);

  // From the present state (kAdded for each probe) or behind `resume_after`.
  // OUT_OF_RANGE RESUME_TOKEN_EXPIRED where that event is no longer known.
  absl::StatusOr<std::shared_ptr<ProbeWatch>> Watch(uint64_t resume_after);
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_PROBE_CONTROLLER_H_
