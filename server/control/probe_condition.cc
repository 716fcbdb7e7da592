#include "server/control/probe_condition.h"

#include <utility>

#include "server/base/errors.h"

namespace uprobed::control {
namespace {

struct TypeTexts {
  std::string_view name;
  std::string_view true_reason;
  std::string_view true_message;
};

constexpr std::array<TypeTexts, kConditionTypes> kTexts{{
    {"Attached", "SITES_ATTACHED", "the binary's sites are attached"},
    {"Complete", "NOTHING_MISSING", "all that was asked for is attached"},
    {"FieldsConsistent", "NO_FIELD_REFUTED", "no request has shown a value that cannot be"},
    {"WithinBudget", "NOTHING_LEFT_OUT", "nothing is left out for what it costs"},
}};

const TypeTexts& TextsOf(ConditionType type) { return kTexts[static_cast<size_t>(type)]; }

}  // namespace

std::string_view Name(ConditionType type) { return TextsOf(type).name; }

ConditionText TextOf(ConditionType type, const ProbeCondition& condition) {
  switch (condition.status) {
    case ConditionStatus::kTrue:
      return {std::string(TextsOf(type).true_reason), std::string(TextsOf(type).true_message)};
    case ConditionStatus::kFalse:
      return {ReasonOf(condition.error), MessageOf(condition.error)};
    case ConditionStatus::kUnknown:
      break;
  }
  return {"NOT_ATTACHED", "known when the probe is attached"};
}

ProbeCondition MakeCondition(absl::Status error) {
  const ConditionStatus status = error.ok() ? ConditionStatus::kTrue : ConditionStatus::kFalse;
  return {.status = status, .error = std::move(error), .transition_time_unix_ns = 0};
}

void SetTransitionTimes(const ProbeConditions& before, int64_t now_unix_ns, ProbeConditions& now) {
  for (size_t i = 0; i < kConditionTypes; ++i) {
    const bool same = now[i].status == before[i].status && before[i].transition_time_unix_ns != 0;
    now[i].transition_time_unix_ns = same ? before[i].transition_time_unix_ns : now_unix_ns;
  }
}

bool Differ(const ProbeConditions& a, const ProbeConditions& b) {
  for (size_t i = 0; i < kConditionTypes; ++i) {
    if (a[i].status != b[i].status || a[i].error != b[i].error) return true;
  }
  return false;
}

}  // namespace uprobed::control
