#include "server/span/derived_routes.h"

#include "gtest/gtest.h"
#include "server/span/assembler.h"
#include "server/span/attributes.h"
#include "tests/unit/span/event_builder.h"

namespace uprobed::span {
namespace {

Span SpanOf(const EventSource& source, const std::string& target, const std::string& route = "",
            uint32_t status = 200) {
  up_http_event event = ServerEvent();
  event.status = status;
  SetString(event, event.target, UP_STRING_TARGET, target);
  SetString(event, event.route, UP_STRING_ROUTE, route);
  return Assemble(event, source, WallClock(0));
}

EventSource Source() { return {.derived_routes = std::make_shared<DerivedRoutes>()}; }

TEST(DerivedRoutes, AreFew) {
  DerivedRoutes routes;
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(routes.Of("/users/" + std::to_string(i)), "/users/{id}");
  for (size_t i = 1; i < DerivedRoutes::kMax; ++i) {
    const std::string path = "/word" + std::to_string(i);
    EXPECT_EQ(routes.Of(path), path);
  }
  EXPECT_EQ(routes.Of("/one-more"), "");
  EXPECT_EQ(routes.Of("/users/4711"), "/users/{id}");
}

TEST(DerivedRoutes, StandInForARouteAndAreMarked) {
  const Span span = SpanOf(Source(), "/users/4711?q=1");

  EXPECT_EQ(span.derived_route, "/users/{id}");
  EXPECT_EQ(SpanName(span), "GET /users/{id}");
  EXPECT_EQ(FindAttribute(span, "http.route"), std::nullopt);
  EXPECT_EQ(std::get<std::string_view>(*FindAttribute(span, "uprobed.http.route.derived")),
            "/users/{id}");
}

TEST(DerivedRoutes, AreNotMadeWhereARouteIsKnown) {
  const Span span = SpanOf(Source(), "/users/4711", "GET /users/{user}");

  EXPECT_EQ(span.derived_route, "");
  EXPECT_EQ(SpanName(span), "GET /users/{user}");
}

TEST(DerivedRoutes, AreNotMadeOfWhatTheProgramDoesNotHave) {
  const EventSource source = Source();

  EXPECT_EQ(SpanOf(source, "/wp-login.php", "", 404).derived_route, "");
  EXPECT_EQ(SpanOf(source, "/users", "", 405).derived_route, "");
  EXPECT_EQ(SpanOf(source, "*").derived_route, "");
  EXPECT_EQ(SpanOf(source, "/" + std::string(300, 'x')).derived_route, "");  // its end is not known
  EXPECT_EQ(SpanOf({}, "/users/4711").derived_route, "");
  EXPECT_EQ(Assemble(ClientEvent(), source, WallClock(0)).derived_route, "");
  EXPECT_EQ(SpanName(SpanOf(source, "/wp-login.php", "", 404)), "GET");
}

}  // namespace
}  // namespace uprobed::span
