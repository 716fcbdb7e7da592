#include "server/base/field_verdict.h"

namespace uprobed {

std::string_view Name(FieldVerdict verdict) {
  switch (verdict) {
    case FieldVerdict::kUnverified:
      return "unverified";
    case FieldVerdict::kVerified:
      return "verified";
    case FieldVerdict::kSuspect:
      return "suspect";
    case FieldVerdict::kRefuted:
      return "refuted";
  }
  return "unverified";
}

std::optional<FieldVerdict> FieldVerdictFromName(std::string_view name) {
  for (const FieldVerdict verdict : {FieldVerdict::kUnverified, FieldVerdict::kVerified,
                                     FieldVerdict::kSuspect, FieldVerdict::kRefuted}) {
    if (Name(verdict) == name) return verdict;
  }
  return std::nullopt;
}

}  // namespace uprobed
