#include "server/store/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "server/base/errors.h"
#include "tests/unit/store/support.h"

namespace uprobed::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::milliseconds kNoWait{0};

Database OpenEmpty() {
  Database database = *Database::Open(std::string(kInMemory));
  EXPECT_TRUE(database
                  .ExecuteScript("CREATE TABLE t (number INTEGER NOT NULL, text TEXT NOT NULL,"
                                 " bytes BLOB NOT NULL) STRICT")
                  .ok());
  return database;
}

TEST(Database, KeepsNumbersTextAndBytes) {
  Database database = OpenEmpty();
  const std::string text("a\0b", 3);
  const std::vector<uint8_t> bytes = {0, 255};
  const std::vector<uint8_t> none;

  const auto inserted = database.Execute("INSERT INTO t VALUES (?, ?, ?)", {-1, text, bytes});
  ASSERT_TRUE(database.Execute("INSERT INTO t VALUES (?, ?, ?)", {2, "", none}).ok());

  EXPECT_EQ(*inserted, 1);
  std::vector<int64_t> numbers;
  std::vector<std::string> texts;
  std::vector<std::vector<uint8_t>> blobs;
  const absl::Status status = database.Each("SELECT * FROM t", {}, [&](const Row& row) {
    numbers.push_back(row.Integer(0));
    texts.push_back(row.Text(1));
    blobs.push_back(row.Bytes(2));
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(numbers, ElementsAre(-1, 2));
  EXPECT_THAT(texts, ElementsAre(text, ""));
  EXPECT_THAT(blobs, ElementsAre(bytes, none));
}

TEST(Database, StopsAtTheFirstErrorOfTheVisitor) {
  Database database = OpenEmpty();
  ASSERT_TRUE(database.ExecuteScript("INSERT INTO t VALUES (1, '', x''), (2, '', x'')").ok());
  int visited = 0;

  const absl::Status status = database.Each("SELECT number FROM t", {}, [&](const Row&) {
    ++visited;
    return absl::AbortedError("enough");
  });

  EXPECT_EQ(status, absl::AbortedError("enough"));
  EXPECT_EQ(visited, 1);
}

TEST(Database, SaysThatThereIsNoRow) {
  Database database = OpenEmpty();

  const auto number = database.Integer("SELECT number FROM t");

  EXPECT_EQ(number.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(number.status()), "STORE_NO_ROW");
}

TEST(Database, UndoesATransactionThatFails) {
  Database database = OpenEmpty();

  const absl::Status status =
      database.Transaction(Database::TransactionKind::kWrite, [&]() -> absl::Status {
        RETURN_IF_ERROR(database.ExecuteScript("INSERT INTO t VALUES (1, '', x'')"));
        return absl::AbortedError("changed my mind");
      });

  EXPECT_EQ(status, absl::AbortedError("changed my mind"));
  EXPECT_EQ(*database.Integer("SELECT count(*) FROM t"), 0);
}

TEST(Database, UndoesATransactionWhoseStatementFailsAndGoesOn) {
  Database database = OpenEmpty();
  const std::string insert = "INSERT INTO t VALUES (?, ?, ?)";

  const absl::Status status =
      database.Transaction(Database::TransactionKind::kWrite, [&]() -> absl::Status {
        RETURN_IF_ERROR(database.Execute(insert, {1, "", std::vector<uint8_t>{}}).status());
        return database.Execute(insert, {"no number", "", std::vector<uint8_t>{}}).status();
      });

  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ReasonOf(status), "STORE_INTERNAL");
  EXPECT_EQ(*database.Integer("SELECT count(*) FROM t"), 0);
  EXPECT_TRUE(database.Execute(insert, {3, "", std::vector<uint8_t>{}}).ok());
}

TEST(Database, ReportsAFileThatIsNotThere) {
  const TempDir directory;

  const auto database = Database::Open(directory.Path("none.db"));

  EXPECT_EQ(database.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(database.status()), "STORE_IO");
  EXPECT_THAT(MessageOf(database.status()), HasSubstr(directory.Path("none.db")));
}

TEST(Database, ReportsAWriteToAReadOnlyFile) {
  const TempDir directory;
  RunSql(directory.Path("a.db"), "CREATE TABLE t (number INTEGER)");
  Database database = *Database::Open(directory.Path("a.db"), Database::Access::kReadOnly);

  const absl::Status status = database.ExecuteScript("INSERT INTO t VALUES (1)");

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), "STORE_IO");
}

TEST(Database, ReportsThatThereIsNoSpace) {
  Database database = OpenEmpty();
  ASSERT_TRUE(database.ExecuteScript("PRAGMA max_page_count = 2").ok());

  const absl::Status status =
      database.ExecuteScript("INSERT INTO t VALUES (1, '', zeroblob(9999))");

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), "STORE_IO");
}

TEST(Database, ReportsALockOfAnotherConnection) {
  const TempDir directory;
  const std::string path = directory.Path("a.db");
  RunSql(path, "CREATE TABLE t (number INTEGER)");
  Database holder = *Database::Open(path);
  ASSERT_TRUE(holder.ExecuteScript("BEGIN IMMEDIATE").ok());
  Database database = *Database::Open(path, Database::Access::kReadWrite, kNoWait);

  const absl::Status status = database.ExecuteScript("INSERT INTO t VALUES (1)");
  const absl::Status transaction =
      database.Transaction(Database::TransactionKind::kWrite, [] { return absl::OkStatus(); });

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), "STORE_BUSY");
  EXPECT_EQ(ReasonOf(transaction), "STORE_BUSY");
}

TEST(Database, ReportsAFileThatIsNoDatabase) {
  const TempDir directory;
  WriteFile(directory.Path("a.db"), std::string(4096, 'x'));
  Database database = *Database::Open(directory.Path("a.db"));

  const auto version = database.Integer("PRAGMA user_version");

  EXPECT_EQ(version.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReasonOf(version.status()), "STORE_CORRUPT");
}

TEST(Database, FindsDamageInsideAFile) {
  const TempDir directory;
  const std::string path = directory.Path("a.db");
  RunSql(path, "CREATE TABLE t (number INTEGER); INSERT INTO t VALUES (1)");
  EXPECT_TRUE(Database::Open(path)->CheckIntegrity().ok());
  std::string content = ReadFile(path);
  // The second page is the root of the table; no page has the type 0xff.
  content[4096] = '\xff';
  WriteFile(path, content);

  const absl::Status status = Database::Open(path)->CheckIntegrity();

  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReasonOf(status), "STORE_CORRUPT");
}

}  // namespace
}  // namespace uprobed::store
