#include "client/escape.h"

#include "gtest/gtest.h"

namespace uprobed::client {
namespace {

TEST(EscapeUntrusted, LeavesPlainTextAlone) {
  EXPECT_EQ(EscapeUntrusted("/items/{id}?a=1 b"), "/items/{id}?a=1 b");
  EXPECT_EQ(EscapeUntrusted("caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80"),
            "caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80");
  EXPECT_EQ(EscapeUntrusted(""), "");
}

TEST(EscapeUntrusted, ShowsControlCharacters) {
  EXPECT_EQ(EscapeUntrusted("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(EscapeUntrusted("a\nb\rc\td"), "a\\nb\\rc\\td");
  EXPECT_EQ(EscapeUntrusted(std::string_view("\0\x7f", 2)), "\\x00\\x7f");
}

TEST(EscapeUntrusted, ShowsC1ControlsThatSomeTerminalsObey) {
  EXPECT_EQ(EscapeUntrusted("\xc2\x9b"
                            "2J"),
            "\\u009b2J");
}

TEST(EscapeUntrusted, ShowsWhatChangesTheWritingDirection) {
  EXPECT_EQ(EscapeUntrusted("a\xe2\x80\xaegnp.exe"), "a\\u202egnp.exe");
  EXPECT_EQ(EscapeUntrusted("\xe2\x81\xa6"), "\\u2066");
  EXPECT_EQ(EscapeUntrusted("\xe2\x80\xa8"), "\\u2028");
  EXPECT_EQ(EscapeUntrusted("\xf3\xa0\x81\x81"), "\\U000e0041");
}

TEST(EscapeUntrusted, ShowsInvalidUtf8AsBytes) {
  EXPECT_EQ(EscapeUntrusted("\xff"
                            "a"),
            "\\xffa");
  EXPECT_EQ(EscapeUntrusted("\xc3"), "\\xc3");
  // Overlong '/' and a surrogate.
  EXPECT_EQ(EscapeUntrusted("\xc0\xaf"), "\\xc0\\xaf");
  EXPECT_EQ(EscapeUntrusted("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  // A character that breaks off before one that is whole.
  EXPECT_EQ(EscapeUntrusted("\xe6\x97/"), "\\xe6\\x97/");
}

TEST(EscapeUntrusted, DoublesBackslashesSoThatNothingCanPassForAnEscape) {
  EXPECT_EQ(EscapeUntrusted("\\x1b"), "\\\\x1b");
}

TEST(QuoteJson, EscapesWhatJsonAndTerminalsCannotTake) {
  EXPECT_EQ(QuoteJson("a\"\\\n\x01"), "\"a\\\"\\\\\\n\\u0001\"");
  EXPECT_EQ(QuoteJson("\xe2\x80\xae"), "\"\\u202e\"");
  EXPECT_EQ(QuoteJson("\xf3\xa0\x81\x81"), "\"\\udb40\\udc41\"");
  EXPECT_EQ(QuoteJson("\xff"), "\"\\ufffd\"");
}

TEST(CountCharacters, CountsCodePoints) {
  EXPECT_EQ(CountCharacters("caf\xc3\xa9"), 4U);
  EXPECT_EQ(CountCharacters(""), 0U);
}

}  // namespace
}  // namespace uprobed::client
