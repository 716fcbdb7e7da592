#ifndef UPROBED_SERVER_CONTROL_FIELD_VERDICTS_H_
#define UPROBED_SERVER_CONTROL_FIELD_VERDICTS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "server/base/field_verdict.h"
#include "server/control/event_directory.h"
#include "server/control/profile_catalog.h"

namespace uprobed::control {

// Brings what the requests show of the fields of attached profiles to where people look: the stored
// profile and the state of the probe. Thread: one at a time.
class FieldVerdicts {
 public:
  // The references outlive it.
  FieldVerdicts(const EventDirectory& directory, ProfileCatalog& catalog)
      : directory_(directory), catalog_(catalog) {}

  // Stores what has changed. `attached`: profile ids by slot.
  void Record(const std::map<uint32_t, std::string>& attached);
  // FAILED_PRECONDITION FIELD_REFUTED or FIELD_SUSPECT where requests speak against an offset.
  absl::Status Check(const std::map<uint32_t, std::string>& attached) const;

 private:
  struct Recorded {
    std::string profile_id;
    std::map<std::string, FieldVerdict> verdicts;
    bool operator==(const Recorded&) const = default;
  };
  void Put(uint32_t slot, Recorded current);

  const EventDirectory& directory_;
  ProfileCatalog& catalog_;
  std::map<uint32_t, Recorded> recorded_;  // by slot
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_FIELD_VERDICTS_H_
