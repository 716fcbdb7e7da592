#include "server/profile/fields.h"

#include "gtest/gtest.h"

namespace uprobed::profile {
namespace {

const FieldSpec& Field(up_field index) { return AllFields()[index]; }

TEST(Fields, AreInTheOrderOfTheKernelSide) {
  ASSERT_EQ(AllFields().size(), size_t{UP_FIELD_COUNT});
  for (size_t i = 0; i < AllFields().size(); ++i) EXPECT_EQ(size_t{AllFields()[i].index}, i);
}

TEST(Fields, HaveKeysOfStructAndMember) {
  EXPECT_EQ(FieldKey(Field(UP_FIELD_REQUEST_METHOD)), "net/http.Request.Method");
  EXPECT_EQ(FieldKey(Field(UP_FIELD_SWISS_TABLE_GROUPS)),
            "internal/runtime/maps.table.groups.data");
}

TEST(Fields, OfTheRequestAreNeededByBoth) {
  const FieldSpec& method = Field(UP_FIELD_REQUEST_METHOD);
  EXPECT_TRUE(IsNeeded(method, Instrumentation::kHttpServer));
  EXPECT_TRUE(IsNeeded(method, Instrumentation::kHttpClient));
}

TEST(Fields, OfTheResponsesAreNeededByOneEach) {
  const FieldSpec& server = Field(UP_FIELD_SERVER_RESPONSE_STATUS);
  EXPECT_TRUE(IsNeeded(server, Instrumentation::kHttpServer));
  EXPECT_FALSE(IsNeeded(server, Instrumentation::kHttpClient));
  const FieldSpec& client = Field(UP_FIELD_CLIENT_RESPONSE_STATUS_CODE);
  EXPECT_FALSE(IsNeeded(client, Instrumentation::kHttpServer));
  EXPECT_TRUE(IsNeeded(client, Instrumentation::kHttpClient));
}

TEST(Fields, OfMapsAreNotNeeded) {
  for (const up_field index : {UP_FIELD_HMAP_COUNT, UP_FIELD_SWISS_MAP_DIR_PTR}) {
    EXPECT_FALSE(IsNeeded(Field(index), Instrumentation::kHttpServer));
  }
}

TEST(Fields, ThatOnlyLeadsToAParentIsNotNeeded) {
  EXPECT_EQ(FieldKey(Field(UP_FIELD_REQUEST_CTX)), "net/http.Request.ctx");
  EXPECT_FALSE(IsNeeded(Field(UP_FIELD_REQUEST_CTX), Instrumentation::kHttpServer));
  EXPECT_FALSE(IsNeeded(Field(UP_FIELD_REQUEST_CTX), Instrumentation::kHttpClient));
}

TEST(Fields, ThatLeadToTheConnectionAreNotNeededAndAllOfThem) {
  std::map<std::string, FieldOffset> fields;
  for (const up_field index : {UP_FIELD_PERSIST_CONN_CONN, UP_FIELD_PERSIST_CONN_TLS_STATE,
                               UP_FIELD_POLL_FD_SYSFD, UP_FIELD_POLL_FD_PD}) {
    EXPECT_FALSE(IsNeeded(Field(index), Instrumentation::kHttpClient));
    EXPECT_FALSE(KnowsConnections(fields));
    fields[FieldKey(Field(index))] = {8, Source::kDwarf, {}};
  }
  EXPECT_TRUE(KnowsConnections(fields));
}

TEST(Fields, ThatFindParentsAreNeededForThatAlone) {
  EXPECT_TRUE(IsNeeded(Field(UP_FIELD_M_CURG), Instrumentation::kGoroutines));
  EXPECT_TRUE(IsNeeded(Field(UP_FIELD_HCHAN_LOCK), Instrumentation::kChannels));
  EXPECT_FALSE(IsNeeded(Field(UP_FIELD_HCHAN_LOCK), Instrumentation::kGoroutines));
  EXPECT_FALSE(IsNeeded(Field(UP_FIELD_M_CURG), Instrumentation::kHttpServer));
  EXPECT_FALSE(IsNeeded(Field(UP_FIELD_M_CURG), Instrumentation::kHttpClient));
  EXPECT_FALSE(IsNeeded(Field(UP_FIELD_REQUEST_METHOD), Instrumentation::kGoroutines));
}

TEST(Fields, OfSomeVersionsOnlyAreNotNeeded) {
  for (const up_field index :
       {UP_FIELD_REQUEST_PATTERN, UP_FIELD_REQUEST_PAT, UP_FIELD_PATTERN_STR}) {
    EXPECT_FALSE(IsNeeded(Field(index), Instrumentation::kHttpServer));
  }
}

}  // namespace
}  // namespace uprobed::profile
