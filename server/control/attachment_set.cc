#include "server/control/attachment_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/control/wanted.h"

namespace uprobed::control {
namespace {

void AddTo(up_counters& sum, const up_counters& counters) {
  for (size_t i = 0; i < std::size(sum.value); ++i) sum.value[i] += counters.value[i];
}

}  // namespace

void AttachmentSet::Add(AttachedBinary binary) {
  const absl::MutexLock lock(&mutex_);
  binaries_.push_back(std::move(binary));
}

void AttachmentSet::BeginDetach() {
  const auto all = [](const AttachedBinary&) { return true; };
  for (probe::Attachment* attachment : Matching(all)) attachment->BeginDetach();
}

std::vector<AttachedBinary> AttachmentSet::Take(
    const std::function<bool(const AttachedBinary&)>& matches) {
  // Detached while still in the set, and without the lock: those who read the counters meanwhile
  // neither wait nor see them go back, and what is counted until the last site is gone is kept.
  for (probe::Attachment* attachment : Matching(matches)) attachment->Detach();

  const absl::MutexLock lock(&mutex_);
  const auto kept_end =
      std::stable_partition(binaries_.begin(), binaries_.end(),
                            [&matches](const AttachedBinary& binary) { return !matches(binary); });
  std::vector<AttachedBinary> taken(std::make_move_iterator(kept_end),
                                    std::make_move_iterator(binaries_.end()));
  binaries_.erase(kept_end, binaries_.end());
  for (const AttachedBinary& binary : taken) AddTo(past_, binary.attachment->counters());
  return taken;
}

std::vector<probe::Attachment*> AttachmentSet::Matching(
    const std::function<bool(const AttachedBinary&)>& matches) {
  const absl::MutexLock lock(&mutex_);
  std::vector<probe::Attachment*> matching;
  for (const AttachedBinary& binary : binaries_) {
    if (matches(binary)) matching.push_back(binary.attachment.get());
  }
  return matching;
}

absl::Status AttachmentSet::SetSpanLimits(const SpanLimits& limits) {
  const absl::MutexLock lock(&mutex_);
  absl::Status first_error;
  for (AttachedBinary& binary : binaries_) {
    if (binary.span_limits == limits) continue;
    const absl::Status set = binary.attachment->SetSpanLimits(limits);
    if (set.ok()) binary.span_limits = limits;
    first_error.Update(set);
  }
  return first_error;
}

absl::Status AttachmentSet::SetSpanKeepRatio(double ratio) {
  const absl::MutexLock lock(&mutex_);
  absl::Status first_error;
  for (AttachedBinary& binary : binaries_) {
    if (binary.span_keep_ratio == ratio) continue;
    const absl::Status set = binary.attachment->SetSpanKeepRatio(ratio);
    if (set.ok()) binary.span_keep_ratio = ratio;
    first_error.Update(set);
  }
  return first_error;
}

void AttachmentSet::SetVersion(const FileVersion& version) {
  const absl::MutexLock lock(&mutex_);
  for (AttachedBinary& binary : binaries_) {
    if (binary.version.id == version.id) binary.version = version;
  }
}

std::vector<FileVersion> AttachmentSet::Versions() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<FileVersion> versions;
  versions.reserve(binaries_.size());
  for (const AttachedBinary& binary : binaries_) versions.push_back(binary.version);
  return versions;
}

std::vector<uint32_t> AttachmentSet::Slots() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<uint32_t> slots;
  slots.reserve(binaries_.size());
  for (const AttachedBinary& binary : binaries_) slots.push_back(binary.attachment->slot());
  return slots;
}

std::map<uint32_t, std::string> AttachmentSet::ProfileIds() const {
  const absl::MutexLock lock(&mutex_);
  std::map<uint32_t, std::string> ids;
  for (const AttachedBinary& binary : binaries_) {
    ids.emplace(binary.attachment->slot(), binary.profile.identity.Id());
  }
  return ids;
}

std::string AttachmentSet::ProfileIdOf(const FileId& file) const {
  const absl::MutexLock lock(&mutex_);
  for (const AttachedBinary& binary : binaries_) {
    if (binary.version.id == file) return binary.profile.identity.Id();
  }
  return {};
}

std::optional<absl::Status> AttachmentSet::Missing(const store::ProbeSpec& spec,
                                                   const FileVersion& version) const {
  const absl::MutexLock lock(&mutex_);
  for (const AttachedBinary& binary : binaries_) {
    if (binary.version != version) continue;
    absl::Status missing = MissingError(spec, binary.profile);
    if (missing.ok() && spec.handler_function) missing = binary.function_error;
    return missing;
  }
  return std::nullopt;
}

AttachmentSet::Summary AttachmentSet::summary() const {
  const absl::MutexLock lock(&mutex_);
  Summary summary;
  for (const AttachedBinary& binary : binaries_) {
    ++summary.binaries;
    summary.sites += static_cast<uint32_t>(binary.attachment->site_count());
    summary.single_stepped_sites +=
        static_cast<uint32_t>(binary.attachment->single_stepped_site_count());
    summary.profile_id = binary.profile.identity.Id();
  }
  return summary;
}

up_counters AttachmentSet::counters() const {
  const absl::MutexLock lock(&mutex_);
  up_counters sum = past_;
  for (const AttachedBinary& binary : binaries_) AddTo(sum, binary.attachment->counters());
  return sum;
}

std::map<uint32_t, AttachmentSet::Hits> AttachmentSet::hits() const {
  const absl::MutexLock lock(&mutex_);
  std::map<uint32_t, Hits> hits;
  for (const AttachedBinary& binary : binaries_) {
    hits.emplace(binary.attachment->slot(), Hits{.counters = binary.attachment->counters(),
                                                 .single_stepped = binary.single_stepped_hits});
  }
  return hits;
}

}  // namespace uprobed::control
