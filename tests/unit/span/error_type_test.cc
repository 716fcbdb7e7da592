#include "server/span/error_type.h"

#include "gtest/gtest.h"
#include "server/span/assembler.h"
#include "tests/unit/span/event_builder.h"

namespace uprobed::span {
namespace {

TEST(ErrorType, IsTheTypeWithItsPackage) {
  EXPECT_EQ(ErrorType({.method = "net.(*DNSError).Error", .pointer = true}), "*net.DNSError");
  EXPECT_EQ(ErrorType({.method = "example.com/shop/v2.(*Refusal).Error", .pointer = true}),
            "*example.com/shop/v2.Refusal");
}

TEST(ErrorType, IsThatOfTheValueThoughTheMethodIsWrapped) {
  EXPECT_EQ(ErrorType({.method = "context.(*deadlineExceededError).Error"}),
            "context.deadlineExceededError");
  EXPECT_EQ(ErrorType({.method = "main.refusal.Error"}), "main.refusal");
}

TEST(ErrorType, IsTheNameOfTheSystemsError) {
  EXPECT_EQ(ErrorType({.method = "syscall.(*Errno).Error", .value = 111}), "syscall.ECONNREFUSED");
  EXPECT_EQ(ErrorType({.method = "syscall.Errno.Error", .value = 104}), "syscall.ECONNRESET");
  EXPECT_EQ(ErrorType({.method = "syscall.(*Errno).Error", .value = 4000}), "syscall.Errno");
  EXPECT_EQ(ErrorType({.method = "syscall.(*Errno).Error", .value = (uint64_t{1} << 32) + 111}),
            "syscall.Errno");
  EXPECT_EQ(ErrorType({.method = "main.(*Errno).Error", .value = 111}), "main.Errno");
}

TEST(ErrorType, IsTheVariableOfTheStandardLibrary) {
  const auto of_text = [](std::string_view text) {
    return ErrorType({.method = "errors.(*errorString).Error", .pointer = true, .text = text});
  };
  EXPECT_EQ(of_text("EOF"), "io.EOF");
  EXPECT_EQ(of_text("context canceled"), "context.Canceled");
  EXPECT_EQ(of_text("EOF of user 7"), "*errors.errorString");
  EXPECT_EQ(of_text(""), "*errors.errorString");
  EXPECT_EQ(ErrorType({.method = "main.(*own).Error", .pointer = true, .text = "EOF"}),
            "*main.own");
}

TEST(ErrorType, IsOtherWhereNoTypeIsNamed) {
  for (const std::string_view method : {"", "Error", "net.(*OpError).Timeout"}) {
    EXPECT_EQ(ErrorType({.method = method}), "_OTHER") << method;
  }
  EXPECT_EQ(ErrorType({.method = ".(*).Error"}), ".");
}

Span Failed(const up_http_event& event) {
  const auto methods = std::make_shared<const ErrorMethods>(
      ErrorMethods{{0x1000, "errors.(*errorString).Error"}, {0x2000, "net.(*DNSError).Error"}});
  return Assemble(event, {.error_methods = methods}, WallClock(0));
}

TEST(ErrorType, IsInTheSpanOfAClientThatFailed) {
  up_http_event event = ClientEvent();
  event.status = 0;
  event.flags = UP_FLAG_ERROR | UP_FLAG_ERROR_POINTER;
  event.error_method = 0x2000;
  EXPECT_EQ(Failed(event).error_type, "*net.DNSError");

  event.error_method = 0x1000;
  SetString(event, event.route, UP_STRING_ROUTE, "EOF");
  EXPECT_EQ(Failed(event).error_type, "io.EOF");
  EXPECT_EQ(Failed(event).route, "");

  event.error_method = 0x3000;
  EXPECT_EQ(Failed(event).error_type, "_OTHER");
}

TEST(ErrorType, IsTheStatusWhereThereIsOne) {
  up_http_event event = ClientEvent();
  event.status = 503;
  EXPECT_EQ(Failed(event).error_type, "503");
}

}  // namespace
}  // namespace uprobed::span
