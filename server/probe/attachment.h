#ifndef UPROBED_SERVER_PROBE_ATTACHMENT_H_
#define UPROBED_SERVER_PROBE_ATTACHMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "bpf/abi/profile_slot.h"
#include "server/base/unique_fd.h"
#include "server/probe/bpf_object.h"
#include "server/probe/bpf_programs.h"
#include "server/probe/breakpoint_watch.h"
#include "server/probe/forgotten_requests.h"
#include "server/probe/links.h"
#include "server/probe/probe_backend.h"
#include "server/probe/request_metrics.h"
#include "server/probe/slot_allocator.h"

namespace uprobed::probe {

// The links of one binary and its slot. Made by LibbpfBackend; the references outlive it.
class LibbpfAttachment : public Attachment {
 public:
  static absl::StatusOr<std::unique_ptr<LibbpfAttachment>> Make(
      const BpfObject& object, SlotAllocator& slots, int fd, const profile::Profile& profile,
      const AttachOptions& options, RequestMetrics& metrics, ForgottenRequests& forgotten,
      BpfPrograms& programs);
  ~LibbpfAttachment() override;

  void BeginDetach() override;
  void Detach() override;
  absl::Status SetSpanLimits(const SpanLimits& limits) override;
  absl::Status SetSpanKeepRatio(double ratio) override;
  uint32_t slot() const override { return slot_; }
  size_t site_count() const override { return site_count_; }
  size_t single_stepped_site_count() const override { return single_stepped_site_count_; }
  up_counters counters() const override;

 private:
  LibbpfAttachment(const BpfObject& object, SlotAllocator& slots, RequestMetrics& metrics,
                   ForgottenRequests& forgotten, uint32_t slot)
      : object_(object), slots_(slots), metrics_(metrics), forgotten_(forgotten), slot_(slot) {}
  void CountStitched();
  absl::Status WriteSlot();
  absl::Status WriteSpanLimits(const SpanLimits& limits, double keep_ratio);
  absl::Status FillSlot(const profile::Profile& profile, const AttachOptions& options);
  absl::Status AttachSites(int fd, const std::vector<profile::Site>& sites, BpfPrograms& programs);
  absl::Status AttachProgram(bpf_program* program, int fd,
                             const std::vector<unsigned long>& offsets,
                             const std::vector<uint64_t>& cookies);

  const BpfObject& object_;
  SlotAllocator& slots_;
  RequestMetrics& metrics_;
  ForgottenRequests& forgotten_;
  const uint32_t slot_;
  size_t site_count_ = 0;
  size_t single_stepped_site_count_ = 0;
  up_profile_slot profile_slot_{};  // as the programs see it
  SpanLimits span_limits_;          // as the programs obey them
  double span_keep_ratio_ = 1;
  bool is_stitched_ = false;  // counted as such
  std::vector<uint32_t> scoped_pids_;
  UniqueFd file_;
  std::vector<BreakpointWatch::Place> breakpoints_;
  Links links_;
};

}  // namespace uprobed::probe

#endif  // UPROBED_SERVER_PROBE_ATTACHMENT_H_
