#include "server/rpc/paging.h"

#include <gtest/gtest.h>

#include <limits>

#include "server/base/errors.h"
#include "server/rpc/resume_token.h"

namespace uprobed::rpc {
namespace {

TEST(Paging, ClampsThePageSize) {
  EXPECT_EQ(*ParsePageSize(0), 100U);
  EXPECT_EQ(*ParsePageSize(1), 1U);
  EXPECT_EQ(*ParsePageSize(1000), 1000U);
  EXPECT_EQ(*ParsePageSize(1001), 1000U);
  EXPECT_EQ(*ParsePageSize(std::numeric_limits<int32_t>::max()), 1000U);
}

TEST(Paging, RefusesANegativePageSize) {
  EXPECT_EQ(ReasonOf(ParsePageSize(-1).status()), "PAGE_SIZE_NEGATIVE");
}

TEST(Paging, TakesBackItsOwnTokens) {
  EXPECT_EQ(*DecodePageToken(EncodePageToken("probes/shop")), "probes/shop");
  EXPECT_EQ(*DecodePageToken(""), "");
}

TEST(Paging, RefusesOtherTokens) {
  const std::string token = EncodePageToken("probes/shop");
  for (const std::string& wrong :
       {token.substr(1), std::string("probes/shop"), std::string("zz"), std::string("ab"),
        std::string("76313"), std::string("-1-1"), token + " 1"}) {
    EXPECT_EQ(ReasonOf(DecodePageToken(wrong).status()), "PAGE_TOKEN_MALFORMED") << wrong;
  }
}

TEST(ResumeToken, TakesBackItsOwnTokens) {
  EXPECT_EQ(EncodeResumeToken(0), "");
  EXPECT_EQ(*DecodeResumeToken(""), 0U);
  for (const uint64_t sequence : {uint64_t{1}, std::numeric_limits<uint64_t>::max()}) {
    EXPECT_EQ(*DecodeResumeToken(EncodeResumeToken(sequence)), sequence);
  }
}

TEST(ResumeToken, RefusesOtherTokens) {
  for (const std::string wrong : {"5", "w1-", "w1-0", "w1-xyz", "w1-1 ", "w1-10000000000000000"}) {
    EXPECT_EQ(ReasonOf(DecodeResumeToken(wrong).status()), "RESUME_TOKEN_MALFORMED") << wrong;
  }
}

}  // namespace
}  // namespace uprobed::rpc
