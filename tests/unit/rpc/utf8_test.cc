#include "server/rpc/utf8.h"

#include <gtest/gtest.h>

namespace uprobed::rpc {
namespace {

constexpr char kReplaced[] = "\xEF\xBF\xBD";

TEST(Utf8, KeepsWhatIsValid) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
  EXPECT_EQ(ToUtf8(text), text);
}

TEST(Utf8, ReplacesEachByteThatIsNot) {
  EXPECT_EQ(ToUtf8("/a\xFFz"), std::string("/a") + kReplaced + "z");
  EXPECT_EQ(ToUtf8("\x80"), kReplaced);                               // continuation alone
  EXPECT_EQ(ToUtf8("\xE2\x82"), std::string(kReplaced) + kReplaced);  // cut off
  EXPECT_EQ(ToUtf8("\xC0\xAF"), std::string(kReplaced) + kReplaced);  // overlong '/'
  EXPECT_EQ(ToUtf8("\xED\xA0\x80").size(), 9U);                       // surrogate
  EXPECT_EQ(ToUtf8("\xF4\x90\x80\x80").size(), 12U);                  // above U+10FFFF
  EXPECT_EQ(ToUtf8("\xE0\x80\xAF").size(), 9U);                       // overlong
  EXPECT_EQ(ToUtf8("\xF0\x80\x80\xAF").size(), 12U);                  // overlong
  EXPECT_EQ(ToUtf8("\xE2\x28\xA1"), std::string(kReplaced) + "(" + kReplaced);  // no continuation
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(ToUtf8("ab\xC3\xA9", 3), "ab");
  EXPECT_EQ(ToUtf8("ab\xC3\xA9", 4), "ab\xC3\xA9");
  EXPECT_EQ(ToUtf8("\xFF", 2), "");
}

}  // namespace
}  // namespace uprobed::rpc
