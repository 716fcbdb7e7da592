#ifndef UPROBED_TESTS_UNIT_PROBE_SITES_H_
#define UPROBED_TESTS_UNIT_PROBE_SITES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "server/profile/profile.h"
#include "server/profile/sites.h"

namespace uprobed::probe {

inline profile::Site MakeSite(profile::SiteKind kind, const std::string& instruction,
                              const std::vector<std::string>& arguments) {
  profile::Site site;
  site.kind = kind;
  site.instruction = instruction;
  for (const std::string& name : arguments) {
    site.arguments.push_back({.name = name,
                              .kind = profile::ArgumentLocation::Kind::kRegister,
                              .register_name = "rax",
                              .stack_offset = 0});
  }
  return site;
}

// Of Go <= 1.21: with a return address and a place on the stack.
inline profile::Profile WithHandlers() {
  using profile::Site;
  using profile::SiteKind;
  profile::Profile profile;
  const auto add = [&profile](SiteKind kind, const std::string& function, uint64_t address,
                              uint32_t offset) -> Site& {
    Site site = MakeSite(kind, "call 0x10", {});
    site.function = function;
    site.virtual_address = address;
    site.function_offset = offset;
    site.bytes = {0xe8, 0, 0, 0, 0};
    return profile.sites.emplace_back(std::move(site));
  };
  add(SiteKind::kServerStart, "net/http.(*conn).serve", 0x1010, 0x10);
  add(SiteKind::kServerHandler, "net/http.(*ServeMux).handler", 0x2020, 0x20).arguments = {
      {.name = profile::kSavedHandler,
       .kind = profile::ArgumentLocation::Kind::kStack,
       .register_name = "",
       .stack_offset = 200}};
  add(SiteKind::kServerRedirect, "net/http.(*ServeMux).Handler", 0x3030, 0x30);
  add(SiteKind::kServeMuxCall, "net/http.(*ServeMux).ServeHTTP", 0x4040, 0x40);
  add(SiteKind::kHandlerFunc, "net/http.HandlerFunc.ServeHTTP", 0x5004, 0x4);
  return profile;
}

}  // namespace uprobed::probe

#endif  // UPROBED_TESTS_UNIT_PROBE_SITES_H_
