#include "server/span/text.h"

#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

#define REPLACED "\xEF\xBF\xBD"

TEST(SanitizeText, KeepsValidText) {
  for (const char* text : {"", "/items/7", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                           "\xED\x9F\xBF", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF", "\xC2\xA0"}) {
    EXPECT_EQ(SanitizeText(text), text);
  }
}

TEST(SanitizeText, ReplacesControlCharacters) {
  EXPECT_EQ(SanitizeText("a\nb\x1b[31m\x7f"), "a" REPLACED "b" REPLACED "[31m" REPLACED);
  EXPECT_EQ(SanitizeText(std::string_view("a\0b", 3)), "a" REPLACED "b");
  EXPECT_EQ(SanitizeText("\xC2\x9B"
                         "m"),
            REPLACED "m");  // C1 control: CSI
}

TEST(SanitizeText, ReplacesLoneAndMissingContinuations) {
  EXPECT_EQ(SanitizeText("a\x80"
                         "b"),
            "a" REPLACED "b");
  EXPECT_EQ(SanitizeText("a\xC3"), "a" REPLACED);
  EXPECT_EQ(SanitizeText("\xE2\x82("), REPLACED REPLACED "(");
  EXPECT_EQ(SanitizeText("\xFF\xFE"), REPLACED REPLACED);
}

TEST(SanitizeText, ReplacesOverlongSurrogateAndTooHigh) {
  EXPECT_EQ(SanitizeText("\xC0\xAF"), REPLACED REPLACED);
  EXPECT_EQ(SanitizeText("\xE0\x80\xAF"), REPLACED REPLACED REPLACED);
  EXPECT_EQ(SanitizeText("\xED\xA0\x80"), REPLACED REPLACED REPLACED);
  EXPECT_EQ(SanitizeText("\xF0\x80\x80\xAF"), REPLACED REPLACED REPLACED REPLACED);
  EXPECT_EQ(SanitizeText("\xF4\x90\x80\x80"), REPLACED REPLACED REPLACED REPLACED);
}

TEST(DropCutSequence, DropsOnlyWhatTheCutLeftIncomplete) {
  EXPECT_EQ(DropCutSequence("a\xC3"), "a");
  EXPECT_EQ(DropCutSequence("a\xE2\x82"), "a");
  EXPECT_EQ(DropCutSequence("a\xF0\x9F\x98"), "a");
  EXPECT_EQ(DropCutSequence("a\xE2\x82\xAC"), "a\xE2\x82\xAC");
  EXPECT_EQ(DropCutSequence("a\x80"), "a\x80");
  EXPECT_EQ(DropCutSequence("abc"), "abc");
  EXPECT_EQ(DropCutSequence(""), "");
}

}  // namespace
}  // namespace uprobed::span
