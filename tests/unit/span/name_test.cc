#include "server/span/name.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

TEST(Name, IsItsTextWhereverItComesFrom) {
  NameTable table;
  EXPECT_EQ(table.Intern("shop"), Name("shop"));
  EXPECT_NE(table.Intern("shop"), Name("stock"));
  EXPECT_LT(Name("shop"), Name("stock"));
  EXPECT_EQ(Name("shop").hash(), table.Intern("shop").hash());
  EXPECT_EQ(Name(), Name(""));
  EXPECT_LT(Name(), Name("a"));
  EXPECT_TRUE(table.Intern("").empty());
}

TEST(NameTable, KeepsOneOfEachText) {
  NameTable table;
  EXPECT_EQ(&table.Intern("shop").text(), &table.Intern("shop").text());
  EXPECT_EQ(table.size(), 1U);
}

TEST(NameTable, ForgetsWhatNobodyHas) {
  NameTable table;
  const Name kept = table.Intern("kept");
  for (int i = 0; i < 100'000; ++i) table.Intern(std::to_string(i));
  EXPECT_LE(table.size(), 2048U);
  EXPECT_EQ(&table.Intern("kept").text(), &kept.text());
}

TEST(NameTable, KeepsWhatSomebodyHasHoweverMany) {
  NameTable table;
  std::vector<Name> names;
  for (int i = 0; i < 10'000; ++i) names.push_back(table.Intern(std::to_string(i)));
  EXPECT_EQ(table.size(), 10'000U);
  EXPECT_EQ(&table.Intern("17").text(), &names[17].text());
}

}  // namespace
}  // namespace uprobed::span
