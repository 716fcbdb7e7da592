#include "server/control/retired_attachments.h"

#include <pthread.h>

#include <utility>

namespace uprobed::control {

void RetiredAttachments::Add(std::shared_ptr<AttachmentSet> attachments) {
  attachments->BeginDetach();
  const absl::MutexLock lock(&mutex_);
  waiting_.push_back(std::move(attachments));
  if (!thread_.joinable()) thread_ = std::jthread([this] { Run(); });
}

void RetiredAttachments::Stop() {
  std::jthread thread;
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    thread = std::move(thread_);
  }
}

void RetiredAttachments::Run() {
  pthread_setname_np(pthread_self(), "retire");
  const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !waiting_.empty();
  };
  while (true) {
    std::vector<std::shared_ptr<AttachmentSet>> taken;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_work));
      if (waiting_.empty()) return;
      taken.swap(waiting_);
    }
    for (const auto& attachments : taken) {
      const auto all = [](const AttachedBinary&) { return true; };
      const std::vector<AttachedBinary> detached = attachments->Take(all);
    }
  }
}

}  // namespace uprobed::control
