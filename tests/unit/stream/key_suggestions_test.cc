#include "server/stream/key_suggestions.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::stream {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(SuggestFilterKeys, FindsTypingErrors) {
  EXPECT_EQ(SuggestFilterKeys("url.pth"), "did you mean url.path?");
  EXPECT_EQ(SuggestFilterKeys("durration"), "did you mean duration?");
}

TEST(SuggestFilterKeys, FindsShortAndFormerNames) {
  EXPECT_EQ(SuggestFilterKeys("status_code"),
            "did you mean http.response.status_code or rpc.grpc.status_code?");
  EXPECT_EQ(SuggestFilterKeys("http.status_code"),
            "did you mean http.response.status_code or rpc.grpc.status_code?");
  EXPECT_THAT(SuggestFilterKeys("method"), HasSubstr("http.request.method"));
}

TEST(SuggestFilterKeys, ListsAllKeysWhereNoneIsClose) {
  const std::string all = SuggestFilterKeys("zzzzzzzz");

  EXPECT_THAT(all, HasSubstr("the keys are kind, name"));
  EXPECT_THAT(all, HasSubstr("process.executable.path"));
  EXPECT_THAT(all, Not(HasSubstr("did you mean")));
}

TEST(SuggestFilterKeys, TakesLongKeys) {
  EXPECT_THAT(SuggestFilterKeys(std::string(4096, 'k')), HasSubstr("the keys are"));
}

TEST(SuggestAttributeKeys, NamesAttributesAlone) {
  EXPECT_EQ(SuggestAttributeKeys("url.pth"), "did you mean url.path?");
  EXPECT_THAT(SuggestAttributeKeys("durration"), HasSubstr("the keys are http.request.method,"));
}

}  // namespace
}  // namespace uprobed::stream
