#ifndef UPROBED_SERVER_CONTROL_RETIRED_ATTACHMENTS_H_
#define UPROBED_SERVER_CONTROL_RETIRED_ATTACHMENTS_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/control/attachment_set.h"

namespace uprobed::control {

// What deleted probes leave behind: their breakpoints are out, and the kernel takes some tens of
// milliseconds more until it lets go of the rest, which nobody has to wait for. Thread-safe.
class RetiredAttachments {
 public:
  RetiredAttachments() = default;
  ~RetiredAttachments() { Stop(); }
  RetiredAttachments(const RetiredAttachments&) = delete;
  RetiredAttachments& operator=(const RetiredAttachments&) = delete;

  // Returns when no process hits a site of them any more. Not after Stop().
  void Add(std::shared_ptr<AttachmentSet> attachments);
  // Returns when the kernel has let go of all. May be called twice.
  void Stop();

 private:
  void Run();

  absl::Mutex mutex_;
  std::vector<std::shared_ptr<AttachmentSet>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_ ABSL_GUARDED_BY(mutex_);  // since the first Add()
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_RETIRED_ATTACHMENTS_H_
