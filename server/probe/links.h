#ifndef UPROBED_SERVER_PROBE_LINKS_H_
#define UPROBED_SERVER_PROBE_LINKS_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

struct bpf_link;

namespace uprobed::probe {

// The links of one attachment. The kernel takes a link's breakpoints out at once and then waits for
// a grace period of RCU before it is closed, tens of milliseconds; links that are closed at the
// same time wait together. Thread: one at a time, but for is_closed().
class Links {
 public:
  Links() = default;
  ~Links() { Close(); }
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  // Takes the link over. False where it is null, which is what libbpf returns with an error in
  // errno.
  bool Add(bpf_link* link);
  // Closes all in threads of their own, those first that were added last. May be called twice.
  void BeginClose();
  bool is_closed() const { return open_.load() == 0; }
  // Returns when all are closed.
  void Close();

 private:
  struct Deleter {
    void operator()(bpf_link* link) const noexcept;
  };
  void CloseEach(size_t first, size_t step);

  std::vector<std::unique_ptr<bpf_link, Deleter>> links_;
  std::atomic<size_t> open_ = 0;
  std::vector<std::jthread> closers_;
  bool closing_ = false;
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_LINKS_H_
