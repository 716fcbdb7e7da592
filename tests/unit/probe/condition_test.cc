#include "bpf/condition.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace uprobed::probe {
namespace {

// What the manuals say of each condition, by its code.
struct Arm64Flags {
  bool n, z, c, v;
};
using Arm64Condition = std::function<bool(const Arm64Flags&)>;
const std::vector<Arm64Condition> kArm64Conditions = {
    [](const Arm64Flags& f) { return f.z; },                 // eq
    [](const Arm64Flags& f) { return !f.z; },                // ne
    [](const Arm64Flags& f) { return f.c; },                 // hs
    [](const Arm64Flags& f) { return !f.c; },                // lo
    [](const Arm64Flags& f) { return f.n; },                 // mi
    [](const Arm64Flags& f) { return !f.n; },                // pl
    [](const Arm64Flags& f) { return f.v; },                 // vs
    [](const Arm64Flags& f) { return !f.v; },                // vc
    [](const Arm64Flags& f) { return f.c && !f.z; },         // hi
    [](const Arm64Flags& f) { return !f.c || f.z; },         // ls
    [](const Arm64Flags& f) { return f.n == f.v; },          // ge
    [](const Arm64Flags& f) { return f.n != f.v; },          // lt
    [](const Arm64Flags& f) { return !f.z && f.n == f.v; },  // gt
    [](const Arm64Flags& f) { return f.z || f.n != f.v; },   // le
    [](const Arm64Flags&) { return true; },                  // al
    [](const Arm64Flags&) { return true; },                  // nv
};

TEST(Arm64FlagsMeet, EachConditionAsTheManualSays) {
  constexpr uint64_t kOtherBits = 0x00000000000003c0;  // of the interrupt mask
  for (uint64_t nzcv = 0; nzcv < 16; ++nzcv) {
    const Arm64Flags flags{(nzcv & 8) != 0, (nzcv & 4) != 0, (nzcv & 2) != 0, (nzcv & 1) != 0};
    for (size_t code = 0; code < kArm64Conditions.size(); ++code) {
      EXPECT_EQ(arm64_flags_meet(code, nzcv << 28 | kOtherBits), kArm64Conditions[code](flags))
          << fmt::format("condition {} with flags {:04b}", code, nzcv);
    }
  }
}

struct Amd64Flags {
  bool c, p, z, s, o;
};
using Amd64Condition = std::function<bool(const Amd64Flags&)>;
const std::vector<Amd64Condition> kAmd64Conditions = {
    [](const Amd64Flags& f) { return f.o; },                 // jo
    [](const Amd64Flags& f) { return !f.o; },                // jno
    [](const Amd64Flags& f) { return f.c; },                 // jb
    [](const Amd64Flags& f) { return !f.c; },                // jae
    [](const Amd64Flags& f) { return f.z; },                 // je
    [](const Amd64Flags& f) { return !f.z; },                // jne
    [](const Amd64Flags& f) { return f.c || f.z; },          // jbe
    [](const Amd64Flags& f) { return !f.c && !f.z; },        // ja
    [](const Amd64Flags& f) { return f.s; },                 // js
    [](const Amd64Flags& f) { return !f.s; },                // jns
    [](const Amd64Flags& f) { return f.p; },                 // jp
    [](const Amd64Flags& f) { return !f.p; },                // jnp
    [](const Amd64Flags& f) { return f.s != f.o; },          // jl
    [](const Amd64Flags& f) { return f.s == f.o; },          // jge
    [](const Amd64Flags& f) { return f.z || f.s != f.o; },   // jle
    [](const Amd64Flags& f) { return !f.z && f.s == f.o; },  // jg
};

TEST(Amd64FlagsMeet, EachConditionAsTheManualSays) {
  for (unsigned bits = 0; bits < 32; ++bits) {
    const Amd64Flags f{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0,
                       (bits & 16) != 0};
    const uint64_t flags = 0x202U | (f.c ? 0x1U : 0) | (f.p ? 0x4U : 0) | (f.z ? 0x40U : 0) |
                           (f.s ? 0x80U : 0) | (f.o ? 0x800U : 0);
    for (size_t code = 0; code < kAmd64Conditions.size(); ++code) {
      EXPECT_EQ(amd64_flags_meet(code, flags), kAmd64Conditions[code](f))
          << fmt::format("condition {} with flags {:#x}", code, flags);
    }
  }
}

TEST(BitsMeet, LooksAtTheBitsThatTheInstructionTests) {
  constexpr uint64_t kHigh = uint64_t{1} << 40;
  const uint64_t cbz_x1 = UP_CONDITION_ON_REGISTER | 1;
  EXPECT_TRUE(bits_meet(cbz_x1, 0));
  EXPECT_FALSE(bits_meet(cbz_x1, 1));
  EXPECT_FALSE(bits_meet(cbz_x1, kHigh));

  const uint64_t cbnz_w3 =
      UP_CONDITION_ON_REGISTER | UP_CONDITION_LOW_HALF | UP_CONDITION_NOT_ZERO | 3;
  EXPECT_FALSE(bits_meet(cbnz_w3, 0));
  EXPECT_FALSE(bits_meet(cbnz_w3, kHigh));
  EXPECT_TRUE(bits_meet(cbnz_w3, 0x80000000));

  const uint64_t tbz_x9_40 =
      UP_CONDITION_ON_REGISTER | UP_CONDITION_ONE_BIT | 40 << UP_CONDITION_FIRST_BIT_SHIFT | 9;
  EXPECT_TRUE(bits_meet(tbz_x9_40, 0));
  EXPECT_TRUE(bits_meet(tbz_x9_40, ~kHigh));
  EXPECT_FALSE(bits_meet(tbz_x9_40, kHigh));
  EXPECT_TRUE(bits_meet(tbz_x9_40 | UP_CONDITION_NOT_ZERO, kHigh));
}

}  // namespace
}  // namespace uprobed::probe
