#include "server/store/database_opener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <span>
#include <string>

#include "server/base/errors.h"
#include "server/store/database_file.h"
#include "server/store/migrator.h"
#include "tests/unit/store/support.h"

namespace uprobed::store {
namespace {

using ::testing::HasSubstr;

constexpr std::array<Migration, 3> kOpenerSteps = {
    Migration{1, "one", "11", "CREATE TABLE one (number INTEGER NOT NULL) STRICT;"},
    Migration{2, "two", "22", "ALTER TABLE one ADD COLUMN text TEXT NOT NULL DEFAULT '';"},
    Migration{3, "three", "33", "CREATE TABLE one (number INTEGER);"}};  // fails: it is there

std::span<const Migration> FirstOpenerSteps(size_t count) {
  return std::span(kOpenerSteps).first(count);
}

// Makes a database of `steps` steps with one row, closed.
void MakeDatabase(const std::string& path, size_t steps) {
  absl::StatusOr<OpenedDatabase> opened = OpenDatabase(path, FirstOpenerSteps(steps), kNow);
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_TRUE(opened->database.ExecuteScript("INSERT INTO one (number) VALUES (42)").ok());
}

TEST(OpenDatabase, MakesADurableConfiguredPrivateDatabase) {
  const TempDir directory;
  const std::string path = directory.Path("state.db");

  absl::StatusOr<OpenedDatabase> opened = OpenDatabase(path, FirstOpenerSteps(2), kNow);

  ASSERT_TRUE(opened.ok()) << opened.status();
  Database& database = opened->database;
  EXPECT_EQ(opened->quarantined, "");
  EXPECT_EQ(*database.Integer("SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
  constexpr int kSynchronousFull = 2;
  EXPECT_EQ(*database.Integer("PRAGMA synchronous"), kSynchronousFull);
  EXPECT_EQ(*database.Integer("PRAGMA foreign_keys"), 1);
  EXPECT_EQ(*database.Integer("PRAGMA trusted_schema"), 0);
  EXPECT_EQ(*database.Integer("PRAGMA application_id"), kApplicationId);
  EXPECT_EQ(*SchemaVersion(database), 2);
  for (const std::string suffix : {"", "-wal", "-shm"}) {
    EXPECT_EQ(ModeOf(path + suffix), 0600U) << suffix;
  }
}

TEST(OpenDatabase, BacksUpAnOlderSchemaBeforeItMigrates) {
  const TempDir directory;
  const std::string path = directory.Path("state.db");
  MakeDatabase(path, 1);

  absl::StatusOr<OpenedDatabase> opened = OpenDatabase(path, FirstOpenerSteps(2), kNow);

  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(*opened->database.Integer("SELECT number FROM one WHERE text = ''"), 42);
  const std::string backup = path + ".v1.bak";
  EXPECT_EQ(ModeOf(backup), 0600U);
  EXPECT_EQ(QueryInteger(backup, "PRAGMA user_version"), 1);
  EXPECT_EQ(QueryInteger(backup, "PRAGMA application_id"), kApplicationId);
  EXPECT_EQ(QueryInteger(backup, "SELECT number FROM one"), 42);
  EXPECT_FALSE(std::filesystem::exists(backup + ".tmp"));
}

TEST(OpenDatabase, BacksUpNothingWhereNothingChanges) {
  const TempDir directory;
  MakeDatabase(directory.Path("state.db"), 2);

  ASSERT_TRUE(OpenDatabase(directory.Path("state.db"), FirstOpenerSteps(2), kNow).ok());

  EXPECT_EQ(directory.Listing(), "state.db");
}

TEST(OpenDatabase, KeepsDataAndSchemaWhereAMigrationFails) {
  const TempDir directory;
  const std::string path = directory.Path("state.db");
  MakeDatabase(path, 2);

  const auto failed = OpenDatabase(path, kOpenerSteps, kNow);
  // Left behind by an attempt that was interrupted: it must not stop the next one.
  WriteFile(path + ".v2.bak.tmp", "unfinished");
  const auto failed_again = OpenDatabase(path, kOpenerSteps, kNow);

  EXPECT_EQ(failed.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(MessageOf(failed.status()), HasSubstr("0003_three"));
  EXPECT_EQ(MessageOf(failed_again.status()), MessageOf(failed.status()));
  EXPECT_EQ(directory.Listing(), "state.db state.db.v2.bak");
  absl::StatusOr<OpenedDatabase> former = OpenDatabase(path, FirstOpenerSteps(2), kNow);
  ASSERT_TRUE(former.ok()) << former.status();
  EXPECT_EQ(*former->database.Integer("SELECT number FROM one"), 42);
}

TEST(OpenDatabase, RefusesANewerSchemaAndLeavesTheFileAsItIs) {
  const TempDir directory;
  const std::string path = directory.Path("state.db");
  MakeDatabase(path, 2);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const std::string before = ReadFile(path);

  const auto opened = OpenDatabase(path, FirstOpenerSteps(1), kNow);

  EXPECT_EQ(opened.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(opened.status()), "STORE_NEWER_SCHEMA");
  EXPECT_THAT(MessageOf(opened.status()), HasSubstr("version 2, this program knows up to 1"));
  EXPECT_EQ(ReadFile(path), before);
  EXPECT_EQ(ModeOf(path), 0640U);
  EXPECT_EQ(directory.Listing(), "state.db");
}

TEST(OpenDatabase, RefusesTheDatabaseOfAnotherProgramAndLeavesItAsItIs) {
  const TempDir directory;
  const std::string path = directory.Path("state.db");
  RunSql(path, "CREATE TABLE bookmarks (url TEXT)");
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  const std::string before = ReadFile(path);

  const auto opened = OpenDatabase(path, FirstOpenerSteps(1), kNow);

  EXPECT_EQ(opened.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(opened.status()), "STORE_FOREIGN");
  EXPECT_THAT(MessageOf(opened.status()), HasSubstr(path));
  EXPECT_EQ(ReadFile(path), before);
  EXPECT_EQ(ModeOf(path), 0644U);
  EXPECT_EQ(directory.Listing(), "state.db");
}

TEST(OpenDatabase, SetsAsideTheRemainsOfADatabase) {
  const TempDir directory;
  const std::string path = directory.Path("state.db");
  WriteFile(path, "SQLite format 3");

  absl::StatusOr<OpenedDatabase> opened = OpenDatabase(path, FirstOpenerSteps(1), kNow);

  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->quarantined, path + ".corrupt-1700000000");
  EXPECT_EQ(ReadFile(opened->quarantined), "SQLite format 3");
  EXPECT_EQ(*opened->database.Integer("SELECT count(*) FROM one"), 0);
}

TEST(OpenDatabase, SetsAsideADatabaseWithADamagedPage) {
  const TempDir directory;
  const std::string path = directory.Path("state.db");
  MakeDatabase(path, 1);
  std::string content = ReadFile(path);
  ASSERT_GT(content.size(), 2u * 4096u);
  // Every page behind the header's page; page 1 still says who made the file.
  content.replace(4096, content.size() - 4096, content.size() - 4096, '\xff');
  WriteFile(path, content);

  absl::StatusOr<OpenedDatabase> opened = OpenDatabase(path, FirstOpenerSteps(1), kNow);

  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->quarantined, path + ".corrupt-1700000000");
  EXPECT_EQ(*opened->database.Integer("SELECT count(*) FROM one"), 0);
}

TEST(OpenDatabase, FinishesADatabaseWhoseCreationWasInterrupted) {
  const TempDir directory;
  const std::string path = directory.Path("state.db");
  RunSql(path, "PRAGMA application_id = " + std::to_string(kApplicationId));

  absl::StatusOr<OpenedDatabase> opened = OpenDatabase(path, FirstOpenerSteps(2), kNow);

  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->quarantined, "");
  EXPECT_EQ(*SchemaVersion(opened->database), 2);
  EXPECT_FALSE(std::filesystem::exists(path + ".v0.bak"));
}

TEST(OpenDatabase, RefusesAPathWithoutDirectory) {
  const TempDir directory;

  const auto opened = OpenDatabase(directory.Path("none/state.db"), FirstOpenerSteps(1), kNow);

  EXPECT_EQ(ReasonOf(opened.status()), "STORE_DIRECTORY_MISSING");
  EXPECT_EQ(directory.Listing(), "");
}

}  // namespace
}  // namespace uprobed::store
