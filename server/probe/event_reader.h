#ifndef UPROBED_SERVER_PROBE_EVENT_READER_H_
#define UPROBED_SERVER_PROBE_EVENT_READER_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/statusor.h"

struct ring_buffer;

namespace uprobed::probe {

// Reads the kernel's ring buffer. `on_record` gets each record, in the order in which requests
// ended; its bytes are valid during the call only. Thread: the event loop's only.
class EventReader {
 public:
  using OnRecord = std::function<void(std::span<const std::byte> record)>;

  static absl::StatusOr<std::unique_ptr<EventReader>> Open(int ring_fd, OnRecord on_record);
  ~EventReader();
  EventReader(const EventReader&) = delete;
  EventReader& operator=(const EventReader&) = delete;

  // Waits until the kernel wakes the reader or `timeout`, then delivers all records that are there.
  // UNAVAILABLE RING_BUFFER_FAILED; an interrupted wait is no error.
  absl::Status Poll(std::chrono::milliseconds timeout);
  // Delivers what is there, without waiting.
  absl::Status Drain();

 private:
  explicit EventReader(OnRecord on_record) : on_record_(std::move(on_record)) {}
  static int Deliver(void* self, void* data, size_t size);

  struct RingDeleter {
    void operator()(ring_buffer* ring) const noexcept;
  };
  OnRecord on_record_;
  std::unique_ptr<ring_buffer, RingDeleter> ring_;
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_EVENT_READER_H_
