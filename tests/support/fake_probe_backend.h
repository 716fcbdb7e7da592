#ifndef UPROBED_TESTS_SUPPORT_FAKE_PROBE_BACKEND_H_
#define UPROBED_TESTS_SUPPORT_FAKE_PROBE_BACKEND_H_

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/probe/probe_backend.h"

namespace uprobed::testing {

// A kernel that only takes notes: what is attached now, how often something was attached, and what
// it was asked to refuse. Thread-safe; outlives its attachments.
class FakeProbeBackend : public probe::ProbeBackend {
 public:
  struct Attached {
    uint64_t inode = 0;  // of the file that was attached
    std::string profile_id;
    probe::AttachOptions options;
    uint32_t single_stepped_sites = 0;
    up_counters counters{};
  };

  absl::StatusOr<std::unique_ptr<probe::Attachment>> Attach(
      int fd, const profile::Profile& profile, const probe::AttachOptions& options) override {
    struct stat status {};
    if (fstat(fd, &status) != 0) return absl::InternalError("attach to a closed file");
    uint32_t slot = 0;
    uint32_t sites = 0;
    for (const profile::Site& site : profile.sites) {
      for (const profile::Instrumentation wanted : options.instrumentations) {
        if (profile::InstrumentationOf(site.kind) == wanted) ++sites;
      }
    }
    {
      const absl::MutexLock lock(&mutex_);
      ++attempts_;
      const auto refusal = refusals_.find(profile.identity.Id());
      if (refusal != refusals_.end()) return refusal->second;
      if (options.inject_traceparent && !injection_refusal_.ok()) return injection_refusal_;
      slot = next_slot_++;
    }
    if (options.on_slot) options.on_slot(slot);
    if (during_attach_) during_attach_(slot);
    const absl::MutexLock lock(&mutex_);
    live_[slot] = {.inode = status.st_ino,
                   .profile_id = profile.identity.Id(),
                   .options = options,
                   .single_stepped_sites = single_stepped_sites_,
                   .counters = {}};
    return std::make_unique<FakeAttachment>(*this, slot, sites, single_stepped_sites_);
  }

  probe::HitCosts MeasureHitCosts() override {
    const absl::MutexLock lock(&mutex_);
    ++cost_measurements_;
    return hit_costs_;
  }
  void SetSpansStreamed(bool streamed) override {
    const absl::MutexLock lock(&mutex_);
    spans_streamed_ = streamed;
  }
  absl::Status Available() const override {
    const absl::MutexLock lock(&mutex_);
    return available_;
  }
  std::vector<probe::Feature> Features() const override {
    const absl::MutexLock lock(&mutex_);
    return features_;
  }

  // Attaching binaries with this profile fails from now on; OK: works again.
  void Refuse(const std::string& profile_id, const absl::Status& error) {
    const absl::MutexLock lock(&mutex_);
    if (error.ok()) {
      refusals_.erase(profile_id);
    } else {
      refusals_[profile_id] = error;
    }
  }
  void SetAvailable(const absl::Status& available) {
    const absl::MutexLock lock(&mutex_);
    available_ = available;
  }
  void SetFeatures(std::vector<probe::Feature> features) {
    const absl::MutexLock lock(&mutex_);
    features_ = std::move(features);
  }
  // Changing the limits of what is attached fails from now on; OK: works again.
  void RefuseSpanLimits(const absl::Status& error) {
    const absl::MutexLock lock(&mutex_);
    limits_refusal_ = error;
  }
  // Each hit of any site is measured to cost this.
  void SetHitCost(double ns) {
    const absl::MutexLock lock(&mutex_);
    hit_costs_.trap = {.emulated_ns = 0, .single_stepped_ns = 0};
    hit_costs_.program_ns.fill(ns);
  }
  bool spans_streamed() const {
    const absl::MutexLock lock(&mutex_);
    return spans_streamed_;
  }
  int cost_measurements() const {
    const absl::MutexLock lock(&mutex_);
    return cost_measurements_;
  }
  // Attaching with inject_traceparent fails from now on; OK: works again.
  void RefuseInjection(const absl::Status& error) {
    const absl::MutexLock lock(&mutex_);
    injection_refusal_ = error;
  }
  // Of attachments made from now on.
  void SetSingleSteppedSites(uint32_t sites) {
    const absl::MutexLock lock(&mutex_);
    single_stepped_sites_ = sites;
  }
  void Count(uint32_t slot, up_counter counter, uint64_t times) {
    const absl::MutexLock lock(&mutex_);
    live_.at(slot).counters.value[counter] += times;
  }
  // Called within each attach, after on_slot and without any lock. Set it before the first attach.
  void SetDuringAttach(std::function<void(uint32_t slot)> during_attach) {
    during_attach_ = std::move(during_attach);
  }

  // As SetDuringAttach, called within each detach while the sites are still live.
  void SetDuringDetach(std::function<void(uint32_t slot)> during_detach) {
    during_detach_ = std::move(during_detach);
  }

  // What is attached now, by slot.
  std::map<uint32_t, Attached> live() const {
    const absl::MutexLock lock(&mutex_);
    return live_;
  }
  // Attaches so far, failed ones included.
  int attempts() const {
    const absl::MutexLock lock(&mutex_);
    return attempts_;
  }
  int detaches() const {
    const absl::MutexLock lock(&mutex_);
    return detaches_;
  }

 private:
  class FakeAttachment : public probe::Attachment {
   public:
    FakeAttachment(FakeProbeBackend& backend, uint32_t slot, uint32_t sites,
                   uint32_t single_stepped)
        : backend_(backend), slot_(slot), sites_(sites), single_stepped_(single_stepped) {}
    ~FakeAttachment() override { Detach(); }
    void BeginDetach() override { Detach(); }
    void Detach() override {
      if (detached_) return;
      if (backend_.during_detach_) backend_.during_detach_(slot_);
      const absl::MutexLock lock(&backend_.mutex_);
      final_ = backend_.live_.at(slot_).counters;
      backend_.live_.erase(slot_);
      ++backend_.detaches_;
      detached_ = true;
    }
    absl::Status SetSpanLimits(const SpanLimits& limits) override {
      const absl::MutexLock lock(&backend_.mutex_);
      if (!backend_.limits_refusal_.ok()) return backend_.limits_refusal_;
      backend_.live_.at(slot_).options.span_limits = limits;
      return absl::OkStatus();
    }
    absl::Status SetSpanKeepRatio(double ratio) override {
      const absl::MutexLock lock(&backend_.mutex_);
      if (!backend_.limits_refusal_.ok()) return backend_.limits_refusal_;
      backend_.live_.at(slot_).options.span_keep_ratio = ratio;
      return absl::OkStatus();
    }
    uint32_t slot() const override { return slot_; }
    size_t site_count() const override { return sites_; }
    size_t single_stepped_site_count() const override { return single_stepped_; }
    up_counters counters() const override {
      const absl::MutexLock lock(&backend_.mutex_);
      return detached_ ? final_ : backend_.live_.at(slot_).counters;
    }

   private:
    FakeProbeBackend& backend_;
    const uint32_t slot_;
    const uint32_t sites_;
    const uint32_t single_stepped_;
    bool detached_ = false;
    up_counters final_{};
  };

  mutable absl::Mutex mutex_;
  std::function<void(uint32_t)> during_attach_;
  std::function<void(uint32_t)> during_detach_;
  absl::Status available_ ABSL_GUARDED_BY(mutex_);
  absl::Status limits_refusal_ ABSL_GUARDED_BY(mutex_);
  absl::Status injection_refusal_ ABSL_GUARDED_BY(mutex_);
  std::vector<probe::Feature> features_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> refusals_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, Attached> live_ ABSL_GUARDED_BY(mutex_);
  uint32_t next_slot_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t single_stepped_sites_ ABSL_GUARDED_BY(mutex_) = 0;
  probe::HitCosts hit_costs_ ABSL_GUARDED_BY(mutex_);
  bool spans_streamed_ ABSL_GUARDED_BY(mutex_) = false;
  int cost_measurements_ ABSL_GUARDED_BY(mutex_) = 0;
  int attempts_ ABSL_GUARDED_BY(mutex_) = 0;
  int detaches_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace uprobed::testing

#endif  // UPROBED_TESTS_SUPPORT_FAKE_PROBE_BACKEND_H_
