#ifndef UPROBED_SERVER_PROBE_IN_FLIGHT_H_
#define UPROBED_SERVER_PROBE_IN_FLIGHT_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "server/probe/bpf_object.h"

namespace uprobed::probe {

// The kernel's maps of requests that have begun and not ended. The programs remove an entry when
// its request ends; these functions remove what no program will come back for. Thread-safe.
class InFlightRequests {
 public:
  explicit InFlightRequests(const BpfMaps& maps) : maps_(maps) {}

  size_t Count() const;
  // The contexts that lead to requests being served: one each, at most.
  size_t CountContexts() const;
  // The routes of requests being served: one each, at most.
  size_t CountRoutes() const;
  // The trace states of requests being served: one each, at most.
  size_t CountTraceStates() const;
  // The connections that lead to requests being made, and what is on the way to one: one each, at
  // most.
  size_t CountConnections() const;
  // The headers that are to be written for requests being made: those of one request, at most.
  size_t CountHeaders() const;
  // What was handed from one goroutine to another and not taken, and who works for which request.
  size_t CountHandoffs() const;
  // Of those, what has been there for so long that nobody goes by it. Returns their number.
  size_t RemoveOldHandoffs(uint64_t now_ns) const;
  // Called for each request that is removed, at once.
  using OnRequest = std::function<void(uint32_t slot)>;
  // Entries of a slot whose sites are detached.
  void RemoveSlot(uint32_t slot, const OnRequest& on_request) const;
  // Entries of processes that have exited.
  void RemoveExited(const std::function<bool(uint32_t tgid)>& exited,
                    const OnRequest& on_request) const;

 private:
  const BpfMaps& maps_;
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_IN_FLIGHT_H_
