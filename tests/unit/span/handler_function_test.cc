#include "server/span/handler_function.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/span/assembler.h"
#include "server/span/attributes.h"
#include "server/span/function_names.h"
#include "tests/unit/span/event_builder.h"

namespace uprobed::span {
namespace {

std::shared_ptr<const FunctionNames> Names() {
  auto names = std::make_shared<FunctionNames>();
  EXPECT_TRUE(names->Add(0x401000, "main.main.func1"));
  EXPECT_TRUE(names->Add(0x401040, "main.(*server).orders-fm"));
  EXPECT_TRUE(names->Add(0x401080, "github.com/go-chi/chi/v5.(*Mux).ServeHTTP"));
  return names;
}

Span SpanServedBy(uint64_t function, uint32_t flags = 0, const std::string& target = "/orders") {
  up_http_event event = ServerEvent();
  event.handler_function = function;
  event.flags |= flags;
  SetString(event, event.target, UP_STRING_TARGET, target);
  return Assemble(event, {.function_names = Names()}, WallClock(0));
}

TEST(FunctionNames, AreFoundByTheAddressWhereTheyBegin) {
  const auto names = Names();

  EXPECT_EQ(names->size(), 3u);
  EXPECT_EQ(names->Find(0x401000), "main.main.func1");
  EXPECT_EQ(names->Find(0x401080), "github.com/go-chi/chi/v5.(*Mux).ServeHTTP");
  for (const uint64_t address : {uint64_t{0}, uint64_t{0x401001}, uint64_t{0x4010c0}}) {
    EXPECT_EQ(names->Find(address), "") << address;
  }
}

TEST(FunctionNames, RefuseWhatIsOutOfOrderAndTooMuch) {
  FunctionNames names;
  ASSERT_TRUE(names.Add(8, "a"));
  EXPECT_FALSE(names.Add(8, "b"));
  EXPECT_FALSE(names.Add(7, "b"));
  // Nobody calls a function so; the others are known all the same.
  EXPECT_TRUE(names.Add(9, std::string(FunctionNames::kMaxNameBytes + 1, 'x')));
  EXPECT_EQ(names.size(), 1u);

  const std::string longest(FunctionNames::kMaxNameBytes, 'x');
  uint64_t address = 16;
  while (names.Add(address, longest)) ++address;
  EXPECT_LE(names.bytes(), FunctionNames::kMaxBytes);
  EXPECT_GT(names.bytes() + 2 * longest.size(), FunctionNames::kMaxBytes);
}

TEST(HandlerFunction, IsTheFullNameOfTheFunction) {
  const Span span = SpanServedBy(0x401000);

  EXPECT_EQ(span.function, "main.main.func1");
  EXPECT_FALSE(span.function_of_server);
  EXPECT_EQ(std::get<std::string_view>(*FindAttribute(span, "code.function.name")),
            "main.main.func1");
}

TEST(HandlerFunction, IsTheMethodOfAMethodValue) {
  EXPECT_EQ(SpanServedBy(0x401040).function, "main.(*server).orders");
}

TEST(HandlerFunction, IsServeMuxsOwnWhereThatServes) {
  EXPECT_EQ(SpanServedBy(UP_HANDLER_NOT_FOUND).function, "net/http.NotFound");
  EXPECT_EQ(SpanServedBy(UP_HANDLER_REDIRECT).function, "net/http.(*redirectHandler).ServeHTTP");
}

TEST(HandlerFunction, IsNotGuessed) {
  EXPECT_EQ(SpanServedBy(0).function, "");
  EXPECT_EQ(SpanServedBy(0x401004).function, "");
  EXPECT_EQ(FindAttribute(SpanServedBy(0), "code.function.name"), std::nullopt);
  EXPECT_FALSE(SpanServedBy(0x401004, UP_FLAG_SERVER_HANDLER).function_of_server);
  up_http_event event = ServerEvent();
  event.handler_function = 0x401000;
  EXPECT_EQ(Assemble(event, {}, WallClock(0)).function, "");
}

TEST(HandlerFunction, OfTheServerIsToldApartAndNotOfWhatIsForNoHandler) {
  const Span span = SpanServedBy(0x401080, UP_FLAG_SERVER_HANDLER);

  EXPECT_EQ(span.function, "github.com/go-chi/chi/v5.(*Mux).ServeHTTP");
  EXPECT_TRUE(span.function_of_server);
  EXPECT_EQ(SpanServedBy(0x401080, UP_FLAG_SERVER_HANDLER, "*").function, "");
}

TEST(HandlerFunction, IsNoClientsError) {
  up_http_event event = ClientEvent();
  event.error_method = 0x401000;

  EXPECT_EQ(Assemble(event, {.function_names = Names()}, WallClock(0)).function, "");
}

}  // namespace
}  // namespace uprobed::span
