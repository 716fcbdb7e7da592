#include "server/store/database_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "server/base/errors.h"
#include "server/store/database.h"
#include "tests/unit/store/support.h"

namespace uprobed::store {
namespace {

using ::testing::HasSubstr;

class ScopedUmask {
 public:
  explicit ScopedUmask(mode_t mask) : before_(::umask(mask)) {}
  ScopedUmask(const ScopedUmask&) = delete;
  ScopedUmask& operator=(const ScopedUmask&) = delete;
  ~ScopedUmask() { ::umask(before_); }

 private:
  mode_t before_;
};

TEST(InspectFile, TellsTheStates) {
  const TempDir directory;
  WriteFile(directory.Path("empty"), "");
  WriteFile(directory.Path("short"), "SQLite format 3");
  WriteFile(directory.Path("zeros"), std::string(4096, '\0'));
  WriteFile(directory.Path("text"), std::string(4096, 'x'));
  RunSql(directory.Path("foreign"), "CREATE TABLE t (number INTEGER)");
  RunSql(directory.Path("other"), "PRAGMA application_id = 7");
  RunSql(directory.Path("ours"), "PRAGMA application_id = " + std::to_string(kApplicationId));

  EXPECT_EQ(*InspectFile(directory.Path("none")), FileState::kNew);
  EXPECT_EQ(*InspectFile(directory.Path("empty")), FileState::kNew);
  EXPECT_EQ(*InspectFile(directory.Path("short")), FileState::kDamaged);
  EXPECT_EQ(*InspectFile(directory.Path("zeros")), FileState::kDamaged);
  EXPECT_EQ(*InspectFile(directory.Path("text")), FileState::kForeign);
  EXPECT_EQ(*InspectFile(directory.Path("foreign")), FileState::kForeign);
  EXPECT_EQ(*InspectFile(directory.Path("other")), FileState::kForeign);
  EXPECT_EQ(*InspectFile(directory.Path("ours")), FileState::kOurs);
}

TEST(InspectFile, RefusesAPathWithoutDirectory) {
  const TempDir directory;

  const auto state = InspectFile(directory.Path("none/state.db"));

  EXPECT_EQ(state.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(state.status()), "STORE_DIRECTORY_MISSING");
  EXPECT_THAT(MessageOf(state.status()), HasSubstr(directory.Path("none") + " "));
}

TEST(InspectFile, RefusesWhatIsNoRegularFile) {
  const TempDir directory;
  const std::string fifo = directory.Path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), S_IRUSR | S_IWUSR), 0);

  EXPECT_EQ(ReasonOf(InspectFile(directory.Path(".")).status()), "STORE_NOT_A_FILE");
  EXPECT_EQ(ReasonOf(InspectFile(fifo).status()), "STORE_NOT_A_FILE");
}

TEST(MakePrivateFile, IsForTheOwnerOnlyWhateverTheUmask) {
  const TempDir directory;
  for (const mode_t mask : {0000U, 0777U}) {
    const ScopedUmask umask(mask);
    const std::string path = directory.Path(std::to_string(mask));

    ASSERT_TRUE(MakePrivateFile(path).ok());

    EXPECT_EQ(ModeOf(path), 0600U);
  }
}

TEST(MakePrivateFile, TightensAFileAndKeepsItsContent) {
  const TempDir directory;
  WriteFile(directory.Path("a"), "content");
  ASSERT_EQ(::chmod(directory.Path("a").c_str(), 0644), 0);

  ASSERT_TRUE(MakePrivateFile(directory.Path("a")).ok());

  EXPECT_EQ(ModeOf(directory.Path("a")), 0600U);
  EXPECT_EQ(ReadFile(directory.Path("a")), "content");
}

TEST(ReadSchemaVersion, ReadsTheHeaderWithoutTouchingAnything) {
  const TempDir directory;
  RunSql(directory.Path("a.db"), "PRAGMA journal_mode = WAL; PRAGMA user_version = 305419896");

  const auto version = ReadSchemaVersion(directory.Path("a.db"));

  EXPECT_EQ(*version, 305419896);
  EXPECT_EQ(directory.Listing(), "a.db");
}

TEST(ReadSchemaVersion, SeesWhatIsInTheWalOnly) {
  const TempDir directory;
  const std::string path = directory.Path("a.db");
  RunSql(path, "PRAGMA journal_mode = WAL; PRAGMA user_version = 1");
  Database writer = *Database::Open(path);
  ASSERT_TRUE(writer.ExecuteScript("PRAGMA user_version = 2").ok());
  const std::string before = ReadFile(path);

  const auto version = ReadSchemaVersion(path);

  EXPECT_EQ(*version, 2);
  EXPECT_EQ(ReadFile(path), before);
}

TEST(SetAside, MovesTheDatabaseAndItsCompanions) {
  const TempDir directory;
  for (const std::string name : {"a.db", "a.db-wal", "a.db-shm", "a.db-journal", "b.db"}) {
    WriteFile(directory.Path(name), name);
  }

  const auto target = SetAside(directory.Path("a.db"), 1700);

  EXPECT_EQ(*target, directory.Path("a.db.corrupt-1700"));
  EXPECT_EQ(directory.Listing(),
            "a.db.corrupt-1700 a.db.corrupt-1700-journal a.db.corrupt-1700-shm "
            "a.db.corrupt-1700-wal b.db");
  EXPECT_EQ(ReadFile(*target), "a.db");
  EXPECT_EQ(ReadFile(*target + "-wal"), "a.db-wal");
}

TEST(SetAside, NeverOverwritesAnEarlierOne) {
  const TempDir directory;
  WriteFile(directory.Path("a.db.corrupt-1700"), "first");
  WriteFile(directory.Path("a.db"), "second");

  const auto target = SetAside(directory.Path("a.db"), 1700);

  EXPECT_EQ(*target, directory.Path("a.db.corrupt-1700.1"));
  EXPECT_EQ(ReadFile(directory.Path("a.db.corrupt-1700")), "first");
  EXPECT_EQ(ReadFile(*target), "second");
}

TEST(PublishFile, ReplacesTheNameByTheContent) {
  const TempDir directory;
  WriteFile(directory.Path("from"), "new");
  WriteFile(directory.Path("to"), "old");

  ASSERT_TRUE(PublishFile(directory.Path("from"), directory.Path("to")).ok());

  EXPECT_EQ(directory.Listing(), "to");
  EXPECT_EQ(ReadFile(directory.Path("to")), "new");
}

TEST(PublishFile, ReportsWhatIsNotThere) {
  const TempDir directory;

  const absl::Status status = PublishFile(directory.Path("from"), directory.Path("to"));

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), "STORE_IO");
}

}  // namespace
}  // namespace uprobed::store
