#ifndef UPROBED_SERVER_SPAN_LIVE_CHECK_H_
#define UPROBED_SERVER_SPAN_LIVE_CHECK_H_

#include <array>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/abi/http_event.h"
#include "server/base/field_verdict.h"

namespace uprobed::span {

// What the first events of an attachment say of one field.
struct FieldFinding {
  std::string_view field;  // "net/http.response.status"
  FieldVerdict verdict = FieldVerdict::kUnverified;
  bool operator==(const FieldFinding&) const = default;
};

// Watches the events of one attachment until it is sure of each field. What net/http guarantees of
// a value it refutes an offset by; a value that proves nothing (an empty path, a size of 0) counts
// neither way, unless it is all there ever is of a field that nothing else speaks for. Not
// thread-safe.
class LiveCheck {
 public:
  // `corroborated`: the fields whose offset two sources of the profile agree on.
  explicit LiveCheck(const std::set<std::string, std::less<>>& corroborated = {});

  // Judges the values of `event` and marks those as unread that must not be reported: impossible
  // ones, and all of a refuted field.
  void Check(up_http_event& event);

  // One for each field that has been judged, server's fields first.
  std::vector<FieldFinding> Findings() const;

 private:
  static constexpr size_t kFieldCount = 20;
  struct Evidence {
    uint8_t for_it = 0;
    uint8_t against_it = 0;
    uint8_t without = 0;          // events in which a value is missing that should be there
    bool value_expected = false;  // where it is missing, the offset may be wrong
    FieldVerdict verdict = FieldVerdict::kUnverified;
  };

  std::array<Evidence, kFieldCount> evidence_;
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_LIVE_CHECK_H_
