#include "server/control/process_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/control/fake_proc.h"

namespace uprobed::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using uprobed::testing::FakeProc;
using uprobed::testing::TempDir;

FileId IdOf(const std::string& path) {
  struct stat status {};
  stat(path.c_str(), &status);
  return VersionOf(status).id;
}

TEST(ProcessTable, FindsTheProcessesOfAFile) {
  FakeProc proc;
  const TempDir dir;
  const std::string shop = dir.Write("shop", "shop");
  const std::string other = dir.Write("other", "other");
  proc.AddProcess(30, shop);
  proc.AddProcess(4, shop);
  proc.AddProcess(5, other);

  const ProcessTable table = ProcessTable::Scan(proc.root());

  EXPECT_THAT(table.PidsOf(IdOf(shop)), ElementsAre(4, 30));
  EXPECT_TRUE(table.Runs(30, IdOf(shop)));
  EXPECT_FALSE(table.Runs(5, IdOf(shop)));
}

TEST(ProcessTable, TellsFilesOfOneNameApart) {
  FakeProc proc;
  const TempDir dir;
  const std::string old = dir.Write("shop.old", "1");
  const std::string shop = dir.Write("shop", "2");
  proc.AddProcess(4, old);

  const ProcessTable table = ProcessTable::Scan(proc.root());

  EXPECT_THAT(table.PidsOf(IdOf(shop)), IsEmpty());
  EXPECT_THAT(table.PidsOf(IdOf(old)), ElementsAre(4));
}

TEST(ProcessTable, LeavesOutWhatHasNoExecutable) {
  FakeProc proc;
  proc.AddProcess(2, "/nonexistent");  // a kernel thread, or a process that has just ended
  EXPECT_THAT(ProcessTable::Scan(proc.root()).PidsOf(FileId{}), IsEmpty());
  EXPECT_THAT(ProcessTable::Scan("/nonexistent").PidsOf(FileId{}), IsEmpty());
}

TEST(ProcessTable, FindsThisProcessInTheRealProc) {
  const ProcessTable table = ProcessTable::Scan("/proc");
  EXPECT_TRUE(table.Runs(static_cast<uint32_t>(getpid()), IdOf("/proc/self/exe")));
}

TEST(ReadStartTime, ReadsField22BehindAnyCommandName) {
  FakeProc proc;
  proc.AddProcess(7, "/bin/sh", 4711);
  EXPECT_EQ(ReadStartTime(proc.root(), 7), 4711u);
  EXPECT_TRUE(ReadStartTime("/proc", static_cast<uint32_t>(getpid())).has_value());
}

TEST(ReadStartTime, KnowsNoneOfAProcessThatIsGone) {
  FakeProc proc;
  EXPECT_EQ(ReadStartTime(proc.root(), 7), std::nullopt);
  proc.AddProcess(7, "/bin/sh", 4711);
  proc.WriteStat(7, 'Z', 4711);
  EXPECT_EQ(ReadStartTime(proc.root(), 7), std::nullopt);
}

TEST(ReadStartTime, RefusesALineThatDoesNotParse) {
  FakeProc proc;
  proc.AddProcess(7, "/bin/sh");
  for (const char* line : {"", "7 (sh", "7 (sh) S 1 2 3",
                           "7 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 "
                           "15 16 17 18 x1 20"}) {
    proc.Write(7, "stat", line);
    EXPECT_EQ(ReadStartTime(proc.root(), 7), std::nullopt) << line;
  }
}

}  // namespace
}  // namespace uprobed::control
