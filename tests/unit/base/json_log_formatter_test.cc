#include "server/base/json_log_formatter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/details/log_msg.h>

#include <memory>
#include <string>
#include <string_view>

namespace uprobed {
namespace {

using ::testing::EndsWith;
using ::testing::MatchesRegex;

TEST(JsonQuote, LeavesPlainTextAlone) {
  EXPECT_EQ(JsonQuote("attached id=7 path=/srv/shop"), R"("attached id=7 path=/srv/shop")");
  EXPECT_EQ(JsonQuote(""), R"("")");
}

TEST(JsonQuote, EscapesQuotesAndBackslashes) {
  EXPECT_EQ(JsonQuote(R"(say "no" to C:\)"), R"("say \"no\" to C:\\")");
}

TEST(JsonQuote, EscapesControlCharacters) {
  EXPECT_EQ(JsonQuote("a\nb\rc\td"), R"("a\nb\rc\td")");
  EXPECT_EQ(JsonQuote(std::string_view("\0\x1b[31m\x1f\x7f", 8)),
            R"("\u0000\u001b[31m\u001f\u007f")");
}

TEST(JsonQuote, KeepsValidUtf8) {
  for (const std::string_view text : {"\xc2\x80", "grün", "\xe0\xa0\x80", "€", "\xed\x9f\xbf",
                                      "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(JsonQuote(text), "\"" + std::string(text) + "\"");
  }
}

struct InvalidUtf8 {
  std::string_view what;
  std::string_view bytes;
  std::string_view quoted;
};

class JsonQuoteOfInvalidUtf8 : public ::testing::TestWithParam<InvalidUtf8> {};

TEST_P(JsonQuoteOfInvalidUtf8, ReplacesEachByte) {
  EXPECT_EQ(JsonQuote(GetParam().bytes), GetParam().quoted) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    All, JsonQuoteOfInvalidUtf8,
    ::testing::Values(
        InvalidUtf8{"continuation alone", "a\x80z", R"("a\ufffdz")"},
        InvalidUtf8{"never used", "\xff", R"("\ufffd")"},
        InvalidUtf8{"overlong of two", "\xc0\xaf", R"("\ufffd\ufffd")"},
        InvalidUtf8{"overlong of three", "\xe0\x9f\xbf", R"("\ufffd\ufffd\ufffd")"},
        InvalidUtf8{"surrogate", "\xed\xa0\x80", R"("\ufffd\ufffd\ufffd")"},
        InvalidUtf8{"overlong of four", "\xf0\x8f\xbf\xbf", R"("\ufffd\ufffd\ufffd\ufffd")"},
        InvalidUtf8{"beyond U+10FFFF", "\xf4\x90\x80\x80", R"("\ufffd\ufffd\ufffd\ufffd")"},
        InvalidUtf8{"cut at the end", "ok\xe2\x82", R"("ok\ufffd\ufffd")"},
        InvalidUtf8{"cut by a quote", "\xe2\x82\"", R"("\ufffd\ufffd\"")"}));

std::string Format(spdlog::formatter& formatter, std::string_view message) {
  spdlog::memory_buf_t line;
  formatter.format(spdlog::details::log_msg("uprobed", spdlog::level::warn,
                                            spdlog::string_view_t(message.data(), message.size())),
                   line);
  return {line.data(), line.size()};
}

TEST(JsonLogFormatter, WritesOneObjectALine) {
  const std::unique_ptr<spdlog::formatter> formatter = MakeJsonLogFormatter();

  EXPECT_THAT(Format(*formatter, "cannot open \"a\nb\""),
              MatchesRegex("\\{\"ts\":\"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
                           "\\.[0-9]{3}[+-][0-9]{2}:[0-9]{2}\",\"level\":\"warning\","
                           "\"thread\":[0-9]+,\"msg\":\"cannot open \\\\\"a\\\\nb\\\\\"\"\\}\n"));
}

TEST(JsonLogFormatter, EscapesInAClonedFormatter) {
  const std::unique_ptr<spdlog::formatter> clone = MakeJsonLogFormatter()->clone();

  EXPECT_THAT(Format(*clone, "\""), EndsWith("\"msg\":\"\\\"\"}\n"));
}

}  // namespace
}  // namespace uprobed
