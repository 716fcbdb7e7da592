// Functions that are far longer than in any Go release: only a hostile binary has them.
#include <string>

#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/profile/sites.h"
#include "tests/unit/elf/pclntab_image.h"

namespace uprobed::profile {
namespace {

// Why sites cannot be chosen in a conn.serve of so many bytes of nop.
std::string ReasonWithSize(uint32_t size) {
  elf::ElfImage image;
  const uint64_t text = image.Add(".text", std::string(size, '\x90'));
  image.Add(".gopclntab", elf::MakePclntab({{std::string(kServeFunction), 0}}, size, text));
  const auto file = image.Open();
  if (!file.ok()) return ReasonOf(file.status());
  const auto functions = elf::GoFunctions::Read(*file);
  if (!functions.ok()) return ReasonOf(functions.status());
  const auto sites = FindServerSites(*file, *functions, CallAbi{});
  return sites.ok() ? "OK" : std::string(MessageOf(sites.status()));
}

TEST(LongFunction, IsRefusedUnread) {
  EXPECT_NE(ReasonWithSize(1 << 10).find("control flow"), std::string::npos);
  EXPECT_NE(ReasonWithSize(1 << 15).find("control flow"), std::string::npos);
  EXPECT_NE(ReasonWithSize((1 << 15) + 1).find("32769 bytes of code"), std::string::npos);
}

}  // namespace
}  // namespace uprobed::profile
