#ifndef UPROBED_SERVER_BASE_FIELD_VERDICT_H_
#define UPROBED_SERVER_BASE_FIELD_VERDICT_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace uprobed {

// What the requests of a running program say of the struct offset by which a value was read.
enum class FieldVerdict : uint8_t {
  kUnverified,  // too few values yet
  kVerified,    // only values that such a field can have
  kSuspect,     // values that it can have, and others; or none where there should be one
  kRefuted,     // only others: the offset is wrong
};

// Stable lower_snake_case names, used in the store and in logs: "refuted".
std::string_view Name(FieldVerdict verdict);
std::optional<FieldVerdict> FieldVerdictFromName(std::string_view name);

}  // namespace uprobed

#endif  // UPROBED_SERVER_BASE_FIELD_VERDICT_H_
