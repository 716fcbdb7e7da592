#include "server/probe/libbpf_backend.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "bpf/abi/profile_slot.h"
#include "server/base/errors.h"
#include "server/probe/attachment.h"
#include "server/probe/in_flight_slots.h"
#include "server/probe/kernel_features.h"

namespace uprobed::probe {
namespace {

// Names the required features that are missing; the kernel's own refusal is less telling.
absl::StatusOr<std::unique_ptr<BpfObject>> LoadIfPossible(const std::vector<Feature>& features,
                                                          const BpfObjectOptions& options) {
  std::string missing;
  std::string reason = "KERNEL_FEATURE_MISSING";
  for (const Feature& feature : features) {
    if (!feature.required || feature.available) continue;
    if (feature.name == "capabilities") reason = "DAEMON_CAPS_MISSING";
    missing += fmt::format("{}{}: {}", missing.empty() ? "" : "; ", feature.name, feature.detail);
  }
  if (!missing.empty()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, reason,
                     fmt::format("nothing can be attached on this machine: {}", missing));
  }
  return BpfObject::Load(options);
}

// The file may have been written to since it was analysed: a breakpoint in the middle of another
// instruction would crash the program.
absl::Status CheckSiteBytes(int fd, const profile::Profile& profile) {
  for (const profile::Site& site : profile.sites) {
    std::vector<uint8_t> found(site.bytes.size());
    const ssize_t size =
        pread(fd, found.data(), found.size(), static_cast<off_t>(site.file_offset));
    if (size != static_cast<ssize_t>(found.size()) || found != site.bytes) {
      return MakeError(
          absl::StatusCode::kFailedPrecondition, "PROFILE_BYTES_MISMATCH",
          fmt::format(
              "the binary's bytes at {}+{:#x} are not those of its profile: resolve it anew "
              "(uprobectl profile resolve --refresh)",
              site.function, site.function_offset),
          {{"function", site.function}});
    }
  }
  return absl::OkStatus();
}

}  // namespace

LibbpfBackend::LibbpfBackend(const BpfObjectOptions& options)
    : features_(DetectKernelFeatures()),
      object_(LoadIfPossible(features_, options)),
      programs_(object_.ok() ? std::make_unique<BpfPrograms>(**object_) : nullptr),
      hit_cost_meter_(object_.ok() ? std::make_unique<HitCostMeter>(*programs_, **object_)
                                   : nullptr),
      request_metrics_(object_.ok() ? std::make_unique<RequestMetrics>((*object_)->maps())
                                    : nullptr),
      forgotten_(object_.ok() ? std::make_unique<ForgottenRequests>((*object_)->maps()) : nullptr),
      slots_(UP_MAX_SLOTS) {}

absl::Status LibbpfBackend::Available() const { return object_.status(); }

absl::StatusOr<std::unique_ptr<Attachment>> LibbpfBackend::Attach(int fd,
                                                                  const profile::Profile& profile,
                                                                  const AttachOptions& options) {
  RETURN_IF_ERROR(object_.status());
  RETURN_IF_ERROR(CheckSiteBytes(fd, profile));
  ASSIGN_OR_RETURN(std::unique_ptr<Attachment> attachment,
                   LibbpfAttachment::Make(**object_, slots_, fd, profile, options,
                                          *request_metrics_, *forgotten_, *programs_));
  return attachment;
}

HitCosts LibbpfBackend::MeasureHitCosts() {
  return hit_cost_meter_ == nullptr ? HitCosts() : hit_cost_meter_->Measure();
}

void LibbpfBackend::SetSpansStreamed(bool streamed) {
  if (!object_.ok()) return;
  std::atomic_ref<bool>(*(*object_)->maps().spans_are_streamed).store(streamed);
}

bool LibbpfBackend::LooksForConnections() const {
  return object_.ok() && std::atomic_ref<uint64_t>(*(*object_)->maps().stitched_slots).load() != 0;
}

absl::StatusOr<std::unique_ptr<EventReader>> LibbpfBackend::OpenEvents(
    EventReader::OnRecord on_record) const {
  RETURN_IF_ERROR(object_.status());
  return EventReader::Open((*object_)->maps().events, std::move(on_record));
}

size_t LibbpfBackend::InFlight() const {
  return object_.ok() ? InFlightRequests((*object_)->maps()).Count() : 0;
}

absl::StatusOr<std::vector<uint64_t>> LibbpfBackend::InFlightBySlot() const {
  if (!object_.ok()) return std::vector<uint64_t>();
  return CountInFlightBySlot((*object_)->maps());
}

size_t LibbpfBackend::ContextsInFlight() const {
  return object_.ok() ? InFlightRequests((*object_)->maps()).CountContexts() : 0;
}

size_t LibbpfBackend::RoutesInFlight() const {
  return object_.ok() ? InFlightRequests((*object_)->maps()).CountRoutes() : 0;
}

size_t LibbpfBackend::TraceStatesInFlight() const {
  return object_.ok() ? InFlightRequests((*object_)->maps()).CountTraceStates() : 0;
}

size_t LibbpfBackend::ConnectionsInFlight() const {
  return object_.ok() ? InFlightRequests((*object_)->maps()).CountConnections() : 0;
}

size_t LibbpfBackend::HeadersInFlight() const {
  return object_.ok() ? InFlightRequests((*object_)->maps()).CountHeaders() : 0;
}

size_t LibbpfBackend::HandoffsInFlight() const {
  return object_.ok() ? InFlightRequests((*object_)->maps()).CountHandoffs() : 0;
}

size_t LibbpfBackend::ForgetOldHandoffs(uint64_t now_ns) const {
  return object_.ok() ? InFlightRequests((*object_)->maps()).RemoveOldHandoffs(now_ns) : 0;
}

size_t LibbpfBackend::ForgetExitedProcesses() const {
  if (!object_.ok()) return 0;
  const auto has_exited = [](uint32_t tgid) {
    return kill(static_cast<pid_t>(tgid), 0) != 0 && errno == ESRCH;
  };
  request_metrics_->RemoveExited(has_exited);
  return forgotten_->ForgetExited(has_exited);
}

std::vector<RequestSums> LibbpfBackend::TakeRequestSums() const {
  return request_metrics_ == nullptr ? std::vector<RequestSums>() : request_metrics_->Take();
}

std::string LibbpfBackend::LibbpfVersion() {
  return fmt::format("{}.{}", libbpf_major_version(), libbpf_minor_version());
}

}  // namespace uprobed::probe
