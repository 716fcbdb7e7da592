#include "server/store/probe_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/base/errors.h"
#include "tests/unit/store/support.h"

namespace uprobed::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void Insert(Database& database, const ProbeRecord& probe) {
  EXPECT_TRUE(InsertProbeRows(database, probe).ok());
}

TEST(ProbeRows, KeepEveryValueInTheOrderOfIds) {
  Database database = OpenSchema();
  ProbeRecord bare;
  bare.id = "bare";
  bare.uid = "1";
  bare.generation = 1;
  bare.spec.instrumentations = {profile::Instrumentation::kHttpServer};
  Insert(database, FullProbe());
  Insert(database, bare);

  const auto probes = ListProbeRows(database);

  ASSERT_TRUE(probes.ok()) << probes.status();
  EXPECT_THAT(*probes, ElementsAre(bare, FullProbe()));
}

TEST(ProbeRows, RefuseAnIdThatIsTaken) {
  Database database = OpenSchema();
  Insert(database, FullProbe());
  ProbeRecord same = FullProbe();
  same.uid = "another";

  const absl::Status status = InsertProbeRows(database, same);

  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(status), "PROBE_EXISTS");
  EXPECT_THAT(MessageOf(status), HasSubstr("probes/shop"));
  EXPECT_THAT(*ListProbeRows(database), ElementsAre(FullProbe()));
}

TEST(ProbeRows, RefuseAUidUsedTwice) {
  Database database = OpenSchema();
  Insert(database, FullProbe());
  ProbeRecord same = FullProbe("other");
  same.uid = FullProbe().uid;

  EXPECT_EQ(InsertProbeRows(database, same).code(), absl::StatusCode::kInternal);
  EXPECT_THAT(*ListProbeRows(database), ElementsAre(FullProbe()));
}

TEST(ProbeRows, KeepAProbeThatNamesNoInstrumentation) {
  Database database = OpenSchema();
  ProbeRecord all = FullProbe();
  all.spec.instrumentations.clear();

  Insert(database, all);

  EXPECT_THAT(*ListProbeRows(database), ElementsAre(all));
}

TEST(ProbeRows, AreUpdatedAsAWhole) {
  Database database = OpenSchema();
  Insert(database, FullProbe());
  ProbeRecord changed = FullProbe();
  changed.generation = 4;
  changed.spec.enabled = true;
  changed.spec.instrumentations.pop_back();
  changed.labels = {{"team", "payment"}};

  ASSERT_TRUE(UpdateProbeRows(database, changed, 3).ok());

  EXPECT_THAT(*ListProbeRows(database), ElementsAre(changed));
}

TEST(ProbeRows, AreUpdatedAtAnyGenerationWhenNoneIsExpected) {
  Database database = OpenSchema();
  Insert(database, FullProbe());
  ProbeRecord changed = FullProbe();
  changed.generation = 9;

  ASSERT_TRUE(UpdateProbeRows(database, changed, 0).ok());

  EXPECT_THAT(*ListProbeRows(database), ElementsAre(changed));
}

TEST(ProbeRows, RefuseAChangeOfAnotherGeneration) {
  Database database = OpenSchema();
  Insert(database, FullProbe());
  ProbeRecord changed = FullProbe();
  changed.spec.service_name = "lost";

  const absl::Status update = UpdateProbeRows(database, changed, 2);
  const absl::Status removal = DeleteProbeRows(database, "shop", 4);

  EXPECT_EQ(update.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(update), "ETAG_MISMATCH");
  EXPECT_EQ(removal.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(removal), "ETAG_MISMATCH");
  EXPECT_THAT(*ListProbeRows(database), ElementsAre(FullProbe()));
}

TEST(ProbeRows, OfAnUnknownIdAreNotFound) {
  Database database = OpenSchema();

  const absl::Status update = UpdateProbeRows(database, FullProbe(), 0);
  const absl::Status removal = DeleteProbeRows(database, "shop", 0);

  EXPECT_EQ(update.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(update), "PROBE_NOT_FOUND");
  EXPECT_EQ(removal.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(removal), "PROBE_NOT_FOUND");
}

TEST(ProbeRows, LeaveNothingBehindWhenDeleted) {
  Database database = OpenSchema();
  Insert(database, FullProbe());

  ASSERT_TRUE(DeleteProbeRows(database, "shop", 3).ok());

  for (const std::string table :
       {"probes", "probe_instrumentations", "probe_labels", "probe_limit_texts"}) {
    EXPECT_EQ(*database.Integer("SELECT count(*) FROM " + table), 0) << table;
  }
}

struct Damage {
  std::string sql;
  std::string row;  // as the error names it
};

class DamagedProbeRows : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedProbeRows, AreRefusedByName) {
  Database database = OpenSchema();
  Insert(database, FullProbe());
  ASSERT_TRUE(database.ExecuteScript("PRAGMA foreign_keys = OFF;" + GetParam().sql).ok());

  const auto probes = ListProbeRows(database);

  EXPECT_EQ(probes.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReasonOf(probes.status()), "STORE_CORRUPT");
  EXPECT_THAT(MessageOf(probes.status()), HasSubstr(GetParam().row));
}

INSTANTIATE_TEST_SUITE_P(
    All, DamagedProbeRows,
    ::testing::Values(
        Damage{"UPDATE probes SET pid = -1", "row probes/shop"},
        Damage{"UPDATE probe_instrumentations SET instrumentation = 'x' WHERE position = 1",
               "probe_instrumentations 1 of probes/shop"},
        Damage{"DELETE FROM probe_instrumentations WHERE position = 0",
               "probe_instrumentations 1 of probes/shop"},
        Damage{"DELETE FROM probes", "probe_instrumentations 0 of probes/shop"},
        Damage{"DELETE FROM probe_limit_texts WHERE kind = 'path_prefix' AND position = 0",
               "probe_limit_texts path_prefix 1 of probes/shop"},
        Damage{"UPDATE probe_limit_texts SET probe_id = 'gone' WHERE kind = 'method'",
               "probe_limit_texts method 0 of probes/gone"},
        Damage{"UPDATE probe_labels SET probe_id = 'gone' WHERE key = 'team'",
               "probe_labels team of probes/gone"}));

}  // namespace
}  // namespace uprobed::store
