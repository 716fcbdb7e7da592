#include "server/control/field_verdicts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <set>
#include <string_view>
#include <utility>

#include "server/base/errors.h"

namespace uprobed::control {
namespace {

absl::Status OffsetError(const std::set<std::string>& fields, std::string_view reason,
                         std::string_view consequence) {
  const std::string names = fmt::format("{}", fmt::join(fields, ", "));
  return MakeError(absl::StatusCode::kFailedPrecondition, reason,
                   fmt::format("what the requests show is not {}: {}; resolve the binary anew "
                               "(uprobectl profile resolve --refresh), then disable and enable "
                               "the probe",
                               names, consequence),
                   {{"fields", names}});
}

}  // namespace

void FieldVerdicts::Record(const std::map<uint32_t, std::string>& attached) {
  for (const auto& [slot, profile_id] : attached) {
    Recorded current{.profile_id = profile_id, .verdicts = {}};
    for (const span::FieldFinding& finding : directory_.Findings(slot)) {
      if (finding.verdict == FieldVerdict::kUnverified) continue;
      current.verdicts.emplace(finding.field, finding.verdict);
    }
    if (!current.verdicts.empty()) Put(slot, std::move(current));
  }
}

absl::Status FieldVerdicts::Check(const std::map<uint32_t, std::string>& attached) const {
  std::map<FieldVerdict, std::set<std::string>> fields;
  for (const auto& [slot, profile_id] : attached) {
    for (const span::FieldFinding& finding : directory_.Findings(slot)) {
      fields[finding.verdict].insert(std::string(finding.field));
    }
  }
  if (const auto found = fields.find(FieldVerdict::kRefuted); found != fields.end()) {
    return OffsetError(found->second, "FIELD_REFUTED",
                       "the profile has a wrong offset, and what it leads to is not reported");
  }
  if (const auto found = fields.find(FieldVerdict::kSuspect); found != fields.end()) {
    return OffsetError(found->second, "FIELD_SUSPECT",
                       "not always, or never; the profile may have a wrong offset, and impossible "
                       "values are not reported");
  }
  return absl::OkStatus();
}

void FieldVerdicts::Put(uint32_t slot, Recorded current) {
  Recorded& before = recorded_[slot];
  if (before == current) return;
  const absl::Status put = catalog_.PutVerdicts(current.profile_id, current.verdicts);
  // A profile that was deleted while it is attached has nowhere to keep them.
  if (!put.ok() && !absl::IsNotFound(put)) {
    spdlog::warn("cannot keep the verdicts on profile={}, tried again: {}", current.profile_id,
                 MessageOf(put));
    return;
  }
  before = std::move(current);
}

}  // namespace uprobed::control
