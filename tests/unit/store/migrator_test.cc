#include "server/store/migrator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <span>
#include <string>

#include "server/base/errors.h"
#include "tests/unit/store/support.h"

namespace uprobed::store {
namespace {

using ::testing::HasSubstr;

constexpr std::array<Migration, 3> kSteps = {
    Migration{1, "parents", "11", "CREATE TABLE parent (id INTEGER PRIMARY KEY) STRICT;"},
    Migration{2, "children", "22",
              "CREATE TABLE child (parent_id INTEGER NOT NULL REFERENCES parent (id)"
              " ON DELETE CASCADE) STRICT;"
              "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1);"},
    // Dropping a parent cascades unless enforcement is off meanwhile.
    Migration{3, "rebuild", "33",
              "CREATE TABLE new_parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;"
              "INSERT INTO new_parent SELECT id, 'x' FROM parent;"
              "DROP TABLE parent; ALTER TABLE new_parent RENAME TO parent;"}};

constexpr Migration kBroken{2, "broken", "44",
                            "INSERT INTO parent VALUES (7); CREATE TABLE parent (id INTEGER);"};
constexpr Migration kOrphan{3, "orphan", "55", "DELETE FROM parent;"};

Database OpenInMemory() {
  Database database = *Database::Open(std::string(kInMemory));
  EXPECT_TRUE(database.ExecuteScript("PRAGMA foreign_keys = ON").ok());
  return database;
}

std::span<const Migration> FirstSteps(size_t count) { return std::span(kSteps).first(count); }

TEST(Migrate, AppliesEachStepAndRecordsIt) {
  Database database = OpenInMemory();

  const absl::Status status = Migrate(database, FirstSteps(2), kNow);

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(*SchemaVersion(database), 2);
  EXPECT_EQ(*database.Integer("SELECT count(*) FROM child"), 1);
  EXPECT_EQ(*database.Integer("SELECT count(*) FROM schema_migrations"), 2);
  EXPECT_EQ(*database.Integer("SELECT applied_at_unix_ns FROM schema_migrations WHERE version = 2"
                              " AND name = 'children' AND sha256 = '22'"),
            kNow);
}

TEST(Migrate, DoesNothingTheSecondTime) {
  Database database = OpenInMemory();
  ASSERT_TRUE(Migrate(database, kSteps, kNow).ok());

  EXPECT_TRUE(Migrate(database, kSteps, kNow + 1).ok());

  EXPECT_EQ(*database.Integer("SELECT max(applied_at_unix_ns) FROM schema_migrations"), kNow);
}

TEST(Migrate, KeepsTheChildrenOfATableItRebuilds) {
  Database database = OpenInMemory();
  ASSERT_TRUE(Migrate(database, FirstSteps(2), kNow).ok());

  ASSERT_TRUE(Migrate(database, kSteps, kNow).ok());

  EXPECT_EQ(*database.Integer("SELECT count(*) FROM child"), 1);
  EXPECT_EQ(*database.Integer("PRAGMA foreign_keys"), 1);
}

TEST(Migrate, LeavesTheSchemaBeforeAStepThatFails) {
  Database database = OpenInMemory();
  const std::array<Migration, 2> steps = {kSteps[0], kBroken};

  const absl::Status status = Migrate(database, steps, kNow);

  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(MessageOf(status), HasSubstr("migration 0002_broken"));
  EXPECT_EQ(*SchemaVersion(database), 1);
  EXPECT_EQ(*database.Integer("SELECT count(*) FROM parent"), 0);
  EXPECT_EQ(*database.Integer("SELECT count(*) FROM schema_migrations"), 1);
  EXPECT_EQ(*database.Integer("PRAGMA foreign_keys"), 1);
}

TEST(Migrate, UndoesAStepThatBreaksAReference) {
  Database database = OpenInMemory();
  const std::array<Migration, 3> steps = {kSteps[0], kSteps[1], kOrphan};

  const absl::Status status = Migrate(database, steps, kNow);

  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(MessageOf(status), HasSubstr("reference of table child"));
  EXPECT_EQ(*SchemaVersion(database), 2);
  EXPECT_EQ(*database.Integer("SELECT count(*) FROM parent"), 1);
}

TEST(Migrate, RefusesAnAppliedStepThatWasEdited) {
  Database database = OpenInMemory();
  ASSERT_TRUE(Migrate(database, FirstSteps(1), kNow).ok());
  std::array<Migration, 2> edited = {kSteps[0], kSteps[1]};
  edited[0].sha256 = "12";

  const absl::Status status = Migrate(database, edited, kNow);

  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "STORE_SCHEMA_DIFFERS");
  EXPECT_THAT(MessageOf(status), HasSubstr("0001_parents"));
  EXPECT_EQ(*SchemaVersion(database), 1);
}

TEST(Migrate, RefusesANewerSchema) {
  Database database = OpenInMemory();
  ASSERT_TRUE(Migrate(database, kSteps, kNow).ok());

  const absl::Status status = Migrate(database, FirstSteps(2), kNow);

  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "STORE_NEWER_SCHEMA");
  EXPECT_EQ(*SchemaVersion(database), 3);
}

TEST(CheckNotNewer, TellsBothVersions) {
  const absl::Status status = CheckNotNewer(9, kSteps, "/var/lib/uprobed/state.db");

  EXPECT_EQ(ReasonOf(status), "STORE_NEWER_SCHEMA");
  EXPECT_THAT(MessageOf(status), HasSubstr("version 9, this program knows up to 3"));
  EXPECT_TRUE(CheckNotNewer(3, kSteps, "").ok());
  EXPECT_EQ(ReasonOf(CheckNotNewer(-1, kSteps, "")), "STORE_NEWER_SCHEMA");
}

TEST(EmbeddedMigrations, AreNumberedWithoutGaps) {
  int version = 0;
  for (const Migration& migration : EmbeddedMigrations()) {
    EXPECT_EQ(migration.version, ++version);
    EXPECT_FALSE(migration.name.empty());
    EXPECT_EQ(migration.sha256.size(), 64u);
  }
  EXPECT_GE(version, 1);
}

TEST(EmbeddedMigrations, MakeStrictTablesOnly) {
  Database database = OpenSchema();

  EXPECT_EQ(*database.Integer("SELECT count(*) FROM pragma_table_list"
                              " WHERE strict = 0 AND name NOT LIKE 'sqlite_%'"),
            0);
  EXPECT_GT(*database.Integer("SELECT count(*) FROM pragma_table_list WHERE strict = 1"), 10);
}

}  // namespace
}  // namespace uprobed::store
