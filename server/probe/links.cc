#include "server/probe/links.h"

#include <bpf/libbpf.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace uprobed::probe {

void Links::Deleter::operator()(bpf_link* link) const noexcept { bpf_link__destroy(link); }

bool Links::Add(bpf_link* link) {
  if (link == nullptr) return false;
  links_.emplace_back(link);
  ++open_;
  return true;
}

void Links::CloseEach(size_t first, size_t step) {
  for (size_t i = first; i < links_.size(); i += step) {
    links_[i].reset();
    --open_;
  }
}

void Links::BeginClose() {
  constexpr size_t kMaxThreads = 16;
  if (closing_) return;
  closing_ = true;
  std::reverse(links_.begin(), links_.end());
  const size_t count = std::min(links_.size(), kMaxThreads);
  for (size_t i = 0; i < count; ++i) {
    try {
      closers_.emplace_back([this, i, count] {
        pthread_setname_np(pthread_self(), "detach");
        CloseEach(i, count);
      });
    } catch (const std::system_error&) {
      CloseEach(i, count);  // no more threads may be had
    }
  }
}

void Links::Close() {
  BeginClose();
  closers_.clear();
  links_.clear();
}

}  // namespace uprobed::probe
