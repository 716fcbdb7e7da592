#include "server/probe/event_reader.h"

#include <bpf/libbpf.h>

#include <cerrno>

#include "server/base/errors.h"

namespace uprobed::probe {
namespace {

absl::Status RingError(int error_number) {
  return MakeErrnoError(error_number, "RING_BUFFER_FAILED", "cannot read the kernel's ring buffer");
}

}  // namespace

void EventReader::RingDeleter::operator()(ring_buffer* ring) const noexcept {
  ring_buffer__free(ring);
}

EventReader::~EventReader() = default;

absl::StatusOr<std::unique_ptr<EventReader>> EventReader::Open(int ring_fd, OnRecord on_record) {
  std::unique_ptr<EventReader> reader(new EventReader(std::move(on_record)));
  reader->ring_.reset(ring_buffer__new(ring_fd, &EventReader::Deliver, reader.get(), nullptr));
  if (!reader->ring_) return RingError(errno);
  return reader;
}

int EventReader::Deliver(void* self, void* data, size_t size) {
  static_cast<EventReader*>(self)->on_record_({static_cast<const std::byte*>(data), size});
  return 0;
}

absl::Status EventReader::Poll(std::chrono::milliseconds timeout) {
  const int polled = ring_buffer__poll(ring_.get(), static_cast<int>(timeout.count()));
  if (polled < 0 && polled != -EINTR) return RingError(-polled);
  // The programs wake the reader only when much is waiting; the rest is fetched here.
  return Drain();
}

absl::Status EventReader::Drain() {
  const int consumed = ring_buffer__consume(ring_.get());
  if (consumed < 0 && consumed != -EINTR) return RingError(-consumed);
  return absl::OkStatus();
}

}  // namespace uprobed::probe
