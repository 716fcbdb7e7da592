#include "server/control/retired_attachments.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>

namespace uprobed::control {
namespace {

// What the kernel has been told, and when it lets go.
struct SlowKernel {
  std::atomic<int> begun = 0;
  std::atomic<bool> lets_go = false;
  std::atomic<int> detached = 0;
  std::atomic<int> destroyed = 0;
};

class SlowAttachment : public probe::Attachment {
 public:
  explicit SlowAttachment(SlowKernel& kernel) : kernel_(kernel) {}
  ~SlowAttachment() override { ++kernel_.destroyed; }

  void BeginDetach() override { ++kernel_.begun; }
  void Detach() override {
    kernel_.lets_go.wait(false);
    ++kernel_.detached;
  }
  absl::Status SetSpanLimits(const SpanLimits& /*limits*/) override { return absl::OkStatus(); }
  absl::Status SetSpanKeepRatio(double /*ratio*/) override { return absl::OkStatus(); }
  uint32_t slot() const override { return 0; }
  size_t site_count() const override { return 0; }
  size_t single_stepped_site_count() const override { return 0; }
  up_counters counters() const override { return {}; }

 private:
  SlowKernel& kernel_;
};

std::shared_ptr<AttachmentSet> Attached(SlowKernel& kernel) {
  auto attachments = std::make_shared<AttachmentSet>();
  AttachedBinary binary;
  binary.attachment = std::make_unique<SlowAttachment>(kernel);
  attachments->Add(std::move(binary));
  return attachments;
}

void LetGo(SlowKernel& kernel) {
  kernel.lets_go = true;
  kernel.lets_go.notify_all();
}

TEST(RetiredAttachments, WaitForNoMoreThanTheBeginOfADetach) {
  SlowKernel kernel;
  RetiredAttachments retired;

  retired.Add(Attached(kernel));
  retired.Add(Attached(kernel));

  EXPECT_EQ(kernel.begun, 2);
  EXPECT_EQ(kernel.detached, 0);
  LetGo(kernel);
  retired.Stop();
  EXPECT_EQ(kernel.detached, 2);
  EXPECT_EQ(kernel.destroyed, 2);
}

TEST(RetiredAttachments, StopWaitsUntilTheKernelHasLetGo) {
  SlowKernel kernel;
  RetiredAttachments retired;
  retired.Add(Attached(kernel));
  std::atomic<bool> stopped = false;
  std::thread stopping([&] {
    retired.Stop();
    stopped = true;
  });

  EXPECT_FALSE(stopped);
  LetGo(kernel);
  stopping.join();

  EXPECT_EQ(kernel.destroyed, 1);
  retired.Stop();
}

TEST(RetiredAttachments, StopWithoutAny) {
  RetiredAttachments retired;
  retired.Stop();
  retired.Stop();
}

}  // namespace
}  // namespace uprobed::control
