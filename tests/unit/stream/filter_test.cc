#include "server/stream/filter.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"

namespace uprobed::stream {
namespace {

using testing::HasSubstr;

span::Span ServerSpan() {
  span::Span span;
  span.kind = span::Kind::kServer;
  span.trace_id[0] = 0xab;
  span.probe = "probes/shop";
  span.service_name = "shop";
  span.pid = 42;
  span.method = "GET";
  span.path = "/api/items/7";
  span.query = "say \"hi\"";
  span.route = "/api/items/{id}";
  span.status_code = 503;
  span.error_type = "503";
  span.response_body_size = 9;
  span.start_unix_ns = 0;
  span.end_unix_ns = 50'000'000;
  return span;
}

bool Accepts(const std::string& filter, const span::Span& span = ServerSpan()) {
  const auto accept = CompileFilter(filter);
  EXPECT_TRUE(accept.ok()) << filter << ": " << accept.status();
  return accept.ok() && (*accept)(span);
}

absl::Status ErrorOf(const std::string& filter) {
  const auto accept = CompileFilter(filter);
  EXPECT_FALSE(accept.ok()) << filter;
  return accept.status();
}

void ExpectSyntaxError(const std::string& filter, size_t column, const std::string& what = "") {
  const absl::Status error = ErrorOf(filter);
  EXPECT_EQ(error.code(), absl::StatusCode::kInvalidArgument) << filter;
  EXPECT_EQ(ReasonOf(error), "FILTER_SYNTAX") << filter;
  EXPECT_EQ(MetadataOf(error)["column"], std::to_string(column)) << filter << ": " << error;
  EXPECT_THAT(std::string(error.message()), HasSubstr(what)) << filter;
}

TEST(Filter, EmptyAcceptsEverything) {
  EXPECT_TRUE(Accepts(""));
  EXPECT_TRUE(Accepts(" \t\n"));
}

TEST(Filter, ComparesText) {
  EXPECT_TRUE(Accepts("http.request.method = GET"));
  EXPECT_TRUE(Accepts("http.request.method=\"GET\""));
  EXPECT_TRUE(Accepts("http.request.method='GET'"));
  EXPECT_FALSE(Accepts("http.request.method = get"));
  EXPECT_FALSE(Accepts("http.request.method != GET"));
  EXPECT_TRUE(Accepts("http.request.method != POST"));
  EXPECT_TRUE(Accepts("url.path:items"));
  EXPECT_TRUE(Accepts("url.path = /api/items/7"));
  EXPECT_FALSE(Accepts("url.path:orders"));
  EXPECT_TRUE(Accepts("url.query = \"say \\\"hi\\\"\""));
  EXPECT_TRUE(Accepts("http.route:{id}"));
}

TEST(Filter, ComparesNumbersAsNumbers) {
  EXPECT_TRUE(Accepts("http.response.status_code >= 500"));
  EXPECT_TRUE(Accepts("http.response.status_code = 503"));
  EXPECT_TRUE(Accepts("http.response.status_code:503"));
  EXPECT_TRUE(Accepts("http.response.status_code != 200"));
  EXPECT_TRUE(Accepts("http.response.status_code > 90"));
  EXPECT_FALSE(Accepts("http.response.status_code < 90"));
  EXPECT_FALSE(Accepts("http.response.status_code > 503"));
  EXPECT_TRUE(Accepts("http.response.status_code <= 503"));
  EXPECT_TRUE(Accepts("http.response.body.size<10"));
  EXPECT_TRUE(Accepts("http.response.body.size > -1"));
  EXPECT_TRUE(Accepts("process.pid = 42"));
}

TEST(Filter, ComparisonWithAbsentAttributeIsFalseButForNotEqual) {
  const span::Span empty;

  for (const char* op : {"=", "<", "<=", ">", ">=", ":"}) {
    EXPECT_FALSE(Accepts(std::string("http.response.status_code") + op + "0", empty)) << op;
  }
  EXPECT_TRUE(Accepts("http.response.status_code != 200", empty));
  EXPECT_FALSE(Accepts("url.path = x", empty));
  EXPECT_FALSE(Accepts("url.path:\"\"", empty));
  EXPECT_TRUE(Accepts("url.path != x", empty));
}

TEST(Filter, AsksForPresence) {
  EXPECT_TRUE(Accepts("http.route:*"));
  EXPECT_TRUE(Accepts("http.response.status_code:*"));
  EXPECT_FALSE(Accepts("http.route:*", span::Span()));
  EXPECT_FALSE(Accepts("http.response.status_code:*", span::Span()));
  EXPECT_FALSE(Accepts("http.route:\"*\""));
}

TEST(Filter, KnowsKeysThatAreNoAttributes) {
  EXPECT_TRUE(Accepts("kind = server"));
  EXPECT_FALSE(Accepts("kind = client"));
  EXPECT_TRUE(Accepts("kind != client"));
  EXPECT_TRUE(Accepts("name = \"GET /api/items/{id}\""));
  EXPECT_TRUE(Accepts("name:GET"));
  EXPECT_TRUE(Accepts("error = true"));
  EXPECT_FALSE(Accepts("error != true"));
  EXPECT_FALSE(Accepts("error = false"));
  EXPECT_TRUE(Accepts("trace_id = ab000000000000000000000000000000"));
  EXPECT_TRUE(Accepts("trace_id:AB00"));
  EXPECT_TRUE(Accepts("probe = shop"));
  EXPECT_TRUE(Accepts("probe = \"probes/shop\""));
  EXPECT_FALSE(Accepts("probe = sho"));
  EXPECT_TRUE(Accepts("probe:sho"));
  EXPECT_TRUE(Accepts("service.name = shop"));
}

TEST(Filter, ComparesDurations) {
  EXPECT_TRUE(Accepts("duration = 50ms"));
  EXPECT_TRUE(Accepts("duration = 0.05s"));
  EXPECT_TRUE(Accepts("duration = 50000us"));
  EXPECT_TRUE(Accepts("duration = 50000000ns"));
  EXPECT_TRUE(Accepts("duration > 49.9ms"));
  EXPECT_TRUE(Accepts("duration < 1m"));
  EXPECT_FALSE(Accepts("duration > 1h"));
}

TEST(Filter, OrBindsTighterThanAnd) {
  EXPECT_FALSE(Accepts("kind=client AND kind=client OR kind=server"));
  EXPECT_TRUE(Accepts("(kind=client AND kind=client) OR kind=server"));
  EXPECT_TRUE(Accepts("kind=client OR kind=server AND error=true"));
}

TEST(Filter, Negates) {
  EXPECT_FALSE(Accepts("NOT kind=server"));
  EXPECT_FALSE(Accepts("-kind=server"));
  EXPECT_TRUE(Accepts("NOT (kind=client OR error=false)"));
  EXPECT_FALSE(Accepts("-(kind=client OR error=true)"));
  EXPECT_TRUE(Accepts("kind=server AND NOT http.response.status_code = 200"));
}

TEST(Filter, SaysWhereAndWhatWasExpected) {
  ExpectSyntaxError("url.path", 9, "expected =");
  ExpectSyntaxError("url.path ", 10, "after \"url.path\"");
  ExpectSyntaxError("url.path =", 11, "expected a value");
  ExpectSyntaxError("url.path = AND", 12, "expected a value");
  ExpectSyntaxError("url.path == /a", 11, "expected a value");
  ExpectSyntaxError("= 5", 1, "expected a comparison");
  ExpectSyntaxError("AND kind=server", 1, "expected a comparison");
  ExpectSyntaxError("kind=server AND", 16, "expected a comparison");
  ExpectSyntaxError("kind=server error=true", 13, "expected AND or OR");
  ExpectSyntaxError("kind=server)", 12, "no \"(\"");
  ExpectSyntaxError("(kind=server", 1, "no \")\"");
  ExpectSyntaxError("(kind=server error=true)", 14, "\")\"");
  ExpectSyntaxError("()", 2, "expected a comparison");
  ExpectSyntaxError("NOT NOT kind=server", 5, "expected a comparison");
  ExpectSyntaxError("url.path=\"/a", 10, "not closed");
  ExpectSyntaxError("url.path=\"/a\\", 10, "not closed");
  ExpectSyntaxError("\xFF", 1);
  ExpectSyntaxError(std::string("kind=server\0", 12), 6);
}

TEST(Filter, RefusesValuesAndOperatorsThatDoNotFitKey) {
  ExpectSyntaxError("http.response.status_code = ok", 29, "whole number");
  ExpectSyntaxError("http.response.status_code = 4.5", 29, "whole number");
  ExpectSyntaxError("http.response.status_code = 99999999999999999999", 29, "whole number");
  ExpectSyntaxError("url.path < /a", 10, "no order");
  ExpectSyntaxError("kind = proxy", 8, "server or client");
  ExpectSyntaxError("kind < server", 6, "no order");
  ExpectSyntaxError("error = yes", 9, "true or false");
  for (const char* value :
       {"50", "ms", "nan", "infs", "-1s", "1e3s", "1x", "1e999s", "99999999999999999999h", "1ss"}) {
    ExpectSyntaxError(std::string("duration > ") + value, 12, "expected a duration");
  }
}

TEST(Filter, RefusesUnknownKeysAndSaysWhatIsClose) {
  const absl::Status error = ErrorOf("kind=server AND url.pth=/a");

  EXPECT_EQ(error.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(error), "FILTER_UNKNOWN_KEY");
  EXPECT_EQ(MetadataOf(error)["column"], "17");
  EXPECT_EQ(MetadataOf(error)["key"], "url.pth");
  EXPECT_THAT(std::string(error.message()), HasSubstr("did you mean url.path?"));
}

TEST(Filter, BoundsDepth) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '(') + "kind=server" + std::string(depth, ')');
  };

  EXPECT_TRUE(Accepts(nested(64)));
  ExpectSyntaxError(nested(65), 65, "nested");
  ExpectSyntaxError(std::string(4096, '('), 65, "nested");
}

TEST(Filter, BoundsLength) {
  const std::string filter = "kind=server";

  EXPECT_TRUE(Accepts(filter + std::string(4096 - filter.size(), ' ')));
  ExpectSyntaxError(filter + std::string(4097 - filter.size(), ' '), 4097, "4096");
}

}  // namespace
}  // namespace uprobed::stream
