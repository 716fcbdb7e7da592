#ifndef UPROBED_SERVER_PROBE_BREAKPOINT_WATCH_H_
#define UPROBED_SERVER_PROBE_BREAKPOINT_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace uprobed::probe {

// Sees breakpoints go. The kernel says that a uprobe is unregistered only when nobody can be in its
// program any more; its breakpoint is long gone then. It puts breakpoints into each private mapping
// of the file, whoever has made it and whether it is executed or not, and takes them out of all of
// them one after the other (kernel/events/uprobes.c: valid_vma, uprobe_mmap,
// register_for_each_vma): so a mapping of our own shows them. Thread: one at a time.
class BreakpointWatch {
 public:
  struct Place {
    uint64_t file_offset = 0;
    std::vector<uint8_t> bytes;  // of the file
  };

  // Maps the part of the file that has the sites. Where that is refused, or shows no breakpoint (a
  // file system mounted with noexec), there is nothing to see.
  BreakpointWatch(int fd, const std::vector<Place>& sites);
  ~BreakpointWatch();
  BreakpointWatch(const BreakpointWatch&) = delete;
  BreakpointWatch& operator=(const BreakpointWatch&) = delete;

  // Whether there was a breakpoint at any site when this was made.
  bool sees_any() const { return !watched_.empty(); }
  // Whether all those sites have the file's bytes again.
  bool AllGone();

 private:
  struct Watched {
    const std::byte* at;
    std::vector<uint8_t> bytes;  // of the file
  };

  void* mapping_ = nullptr;
  size_t size_ = 0;
  std::vector<Watched> watched_;
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_BREAKPOINT_WATCH_H_
