#include "server/store/audit_rows.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/unit/store/support.h"

namespace uprobed::store {
namespace {

AuditRecord Record(int64_t time) {
  return {.id = 99,
          .time_unix_ns = time,
          .peer = "unix:",
          .method = "uprobed.v1.ProbeService/CreateProbe",
          .resource = "probes/shop",
          .code = "NOT_FOUND",
          .reason = "PROBE_NOT_FOUND"};
}

TEST(AuditRows, KeepEveryValueUnderAnIdOfTheirOwn) {
  Database database = OpenSchema();
  ASSERT_TRUE(AppendAuditRow(database, Record(kNow)).ok());

  const auto records = ListAuditRows(database, 10);

  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 1u);
  const AuditRecord& record = records->front();
  EXPECT_EQ(record.id, 1);
  EXPECT_EQ(record.time_unix_ns, kNow);
  EXPECT_EQ(record.peer, "unix:");
  EXPECT_EQ(record.method, "uprobed.v1.ProbeService/CreateProbe");
  EXPECT_EQ(record.resource, "probes/shop");
  EXPECT_EQ(record.code, "NOT_FOUND");
  EXPECT_EQ(record.reason, "PROBE_NOT_FOUND");
}

TEST(AuditRows, AreListedNewestFirstUpToTheLimit) {
  Database database = OpenSchema();
  for (int64_t time = 1; time <= 3; ++time) {
    ASSERT_TRUE(AppendAuditRow(database, Record(time)).ok());
  }

  const auto records = ListAuditRows(database, 2);

  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 2u);
  EXPECT_EQ((*records)[0].time_unix_ns, 3);
  EXPECT_EQ((*records)[1].time_unix_ns, 2);
}

TEST(AuditRows, AreBoundedToTheNewest) {
  Database database = OpenSchema();
  for (int64_t time = 1; time <= kAuditRows + 2; ++time) {
    ASSERT_TRUE(AppendAuditRow(database, Record(time)).ok());
  }

  const auto records = ListAuditRows(database, std::numeric_limits<size_t>::max());

  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), static_cast<size_t>(kAuditRows));
  EXPECT_EQ(records->front().time_unix_ns, kAuditRows + 2);
  EXPECT_EQ(records->back().time_unix_ns, 3);
}

}  // namespace
}  // namespace uprobed::store
