#ifndef UPROBED_SERVER_PROBE_EVENT_READER_H_
#define UPROBED_SERVER_PROBE_EVENT_READER_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"

struct ring_buffer;

namespace uprobed::probe {

// Reads the kernel's ring buffer. `on_record` gets each record, in the order in which requests
// ended; its bytes are valid during the call only. Thread: the event loop's only, but for
// is_empty() and Wake().
//
// The kernel wakes the reader with the first record after all had been read, and then no more until
// the buffer is filled to a part (bpf_ringbuf_commit(), kernel/bpf/ringbuf.c: without flags, a
// record wakes the reader that stands right before it). So an idle machine is not woken at all, and
// a busy one once for many records.
class EventReader {
 public:
  using OnRecord = std::function<void(std::span<const std::byte> record)>;

  static absl::StatusOr<std::unique_ptr<EventReader>> Open(int ring_fd, OnRecord on_record);
  ~EventReader();
  EventReader(const EventReader&) = delete;
  EventReader& operator=(const EventReader&) = delete;

  struct Waits {
    std::chrono::milliseconds timeout;  // for the first record
    // For others, from when the buffer was read last: so long a record may lie in it while few
    // follow it. The first after a while is delivered at once.
    std::chrono::milliseconds gather;
  };
  // Waits, then delivers all records that are there. Returns how many.
  // UNAVAILABLE RING_BUFFER_FAILED; an interrupted wait is no error.
  absl::StatusOr<size_t> Poll(const Waits& waits);
  // Delivers what is there, without waiting.
  absl::StatusOr<size_t> Drain();
  // Whether all records have been delivered: one that is being delivered has not been. Thread-safe.
  bool is_empty() const;
  // Ends the wait of Poll(), of the next one if there is none now. Thread-safe.
  void Wake();

 private:
  explicit EventReader(OnRecord on_record) : on_record_(std::move(on_record)) {}
  static int Deliver(void* self, void* data, size_t size);
  absl::Status WatchEvents(int ring_fd);
  // What is left of the time for others.
  std::chrono::milliseconds LeftOf(std::chrono::milliseconds gather) const;

  struct RingDeleter {
    void operator()(ring_buffer* ring) const noexcept;
  };
  OnRecord on_record_;
  std::unique_ptr<ring_buffer, RingDeleter> ring_;
  UniqueFd epoll_;
  UniqueFd wake_;                                 // an eventfd
  std::chrono::steady_clock::time_point read_{};  // when the buffer was read last
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_EVENT_READER_H_
