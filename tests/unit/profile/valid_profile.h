#ifndef UPROBED_TESTS_UNIT_PROFILE_VALID_PROFILE_H_
#define UPROBED_TESTS_UNIT_PROFILE_VALID_PROFILE_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "server/profile/fields.h"
#include "server/profile/profile.h"
#include "server/profile/sites.h"

namespace uprobed::profile {

// Profiles that no rule refuses, for tests to spoil.

inline Site MakeSite(CallAbi abi, SiteKind kind, uint32_t function_offset,
                     std::vector<uint8_t> bytes) {
  const bool server = InstrumentationOf(kind) == Instrumentation::kHttpServer;
  Site site;
  site.kind = kind;
  site.function = std::string(server ? kServeFunction : kRoundTripFunction);
  site.file_offset = (server ? 0x1000 : 0x2000) + function_offset;
  site.virtual_address = 0x400000 + site.file_offset;
  site.function_offset = function_offset;
  site.bytes = std::move(bytes);
  site.cost = CostClass::kEmulated;
  site.arguments = ArgumentsOf(kind, abi);
  return site;
}

// With every field that such a binary can have.
inline Profile MakeProfile(std::string architecture, std::vector<Site> sites) {
  Profile profile;
  profile.identity.sha256 = std::string(64, 'a');
  profile.identity.size = 0x10000;
  profile.go_version = "go1.24.12";
  profile.architecture = std::move(architecture);
  profile.map_kind = MapKind::kSwiss;
  profile.sites = std::move(sites);
  for (const FieldSpec& field : AllFields()) {
    if (field.need != Need::kBucketMaps) profile.fields[FieldKey(field)] = {8, Source::kDwarf, {}};
  }
  return profile;
}

// A way to spoil a valid profile, and words of the message of the rule that must notice.
struct Spoiled {
  const char* message;
  std::function<void(Profile&)> spoil;
};

}  // namespace uprobed::profile

#endif  // UPROBED_TESTS_UNIT_PROFILE_VALID_PROFILE_H_
