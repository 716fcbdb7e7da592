#include "server/probe/event_reader.h"

#include <bpf/libbpf.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <atomic>
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
  RETURN_IF_ERROR(reader->WatchEvents(ring_fd));
  return reader;
}

// Edge-triggered: while records are gathered, the reader is to be woken by the kernel's next
// wake-up, not by what is there already.
absl::Status EventReader::WatchEvents(int ring_fd) {
  epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_.valid() || !wake_.valid()) return RingError(errno);
  for (const int fd : {ring_fd, wake_.get()}) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.fd = fd;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return RingError(errno);
  }
  return absl::OkStatus();
}

int EventReader::Deliver(void* self, void* data, size_t size) {
  static_cast<EventReader*>(self)->on_record_({static_cast<const std::byte*>(data), size});
  return 0;
}

absl::StatusOr<size_t> EventReader::Poll(const Waits& waits) {
  epoll_event event{};
  int woken = epoll_wait(epoll_.get(), &event, 1, static_cast<int>(waits.timeout.count()));
  if (woken > 0 && event.data.fd != wake_.get()) {
    const auto left = LeftOf(waits.gather);
    if (left.count() > 0) {
      woken = epoll_wait(epoll_.get(), &event, 1, static_cast<int>(left.count()));
    }
  }
  if (woken < 0 && errno != EINTR) return RingError(errno);
  read_ = std::chrono::steady_clock::now();
  return Drain();
}

std::chrono::milliseconds EventReader::LeftOf(std::chrono::milliseconds gather) const {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - read_);
  return gather - passed;
}

// The kernel wakes the reader with the record that begins where the reader has come to, and with no
// other (bpf_ringbuf_commit, kernel/bpf/ringbuf.c). So that one of the two sees the other, the
// reader must have told how far it is before it looks for the last time, which takes a barrier:
// libbpf stores the one and loads the other, and a processor may turn that round. What is found
// then and is not yet whole wakes the reader.
absl::StatusOr<size_t> EventReader::Drain() {
  size_t delivered = 0;
  int consumed = 0;
  do {
    consumed = ring_buffer__consume(ring_.get());
    if (consumed == -EINTR) return delivered;
    if (consumed < 0) return RingError(-consumed);
    delivered += static_cast<size_t>(consumed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  } while (consumed > 0 && !is_empty());
  return delivered;
}

bool EventReader::is_empty() const {
  return ring__avail_data_size(ring_buffer__ring(ring_.get(), 0)) == 0;
}

void EventReader::Wake() {
  // Fails only where the counter is full, and then a wake-up waits to be seen anyway.
  static_cast<void>(eventfd_write(wake_.get(), 1));
}

}  // namespace uprobed::probe
