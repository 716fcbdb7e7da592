#include "server/probe/breakpoint_watch.h"

#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

namespace uprobed::probe {
namespace {

enum class Bytes : uint8_t { kSame, kOther, kUnreadable };

// By the kernel, because to touch what was truncated meanwhile would be the end of the daemon.
Bytes Compare(const std::byte* at, const std::vector<uint8_t>& bytes) {
  std::vector<uint8_t> now(bytes.size());
  const iovec to{.iov_base = now.data(), .iov_len = now.size()};
  const iovec from{.iov_base = const_cast<std::byte*>(at), .iov_len = now.size()};
  const ssize_t size = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
  if (size != static_cast<ssize_t>(now.size())) return Bytes::kUnreadable;
  return now == bytes ? Bytes::kSame : Bytes::kOther;
}

}  // namespace

BreakpointWatch::BreakpointWatch(int fd, const std::vector<Place>& sites) {
  if (sites.empty()) return;
  const auto [first, last] = std::minmax_element(
      sites.begin(), sites.end(),
      [](const auto& a, const auto& b) { return a.file_offset < b.file_offset; });
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t begin = first->file_offset / page * page;
  const uint64_t end = last->file_offset + last->bytes.size();
  void* const mapping =
      mmap(nullptr, end - begin, PROT_READ, MAP_PRIVATE, fd, static_cast<off_t>(begin));
  if (mapping == MAP_FAILED) return;
  mapping_ = mapping;
  size_ = end - begin;
  for (const Place& site : sites) {
    const std::byte* at = static_cast<const std::byte*>(mapping_) + (site.file_offset - begin);
    if (Compare(at, site.bytes) == Bytes::kOther)
      watched_.push_back({.at = at, .bytes = site.bytes});
  }
}

BreakpointWatch::~BreakpointWatch() {
  if (mapping_ != nullptr) munmap(mapping_, size_);
}

bool BreakpointWatch::AllGone() {
  std::erase_if(watched_,
                [](const Watched& site) { return Compare(site.at, site.bytes) != Bytes::kOther; });
  return watched_.empty();
}

}  // namespace uprobed::probe
