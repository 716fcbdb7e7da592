#include "server/control/target.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "server/base/errors.h"
#include "server/control/process_table.h"
#include "tests/unit/control/fake_proc.h"

namespace uprobed::control {
namespace {

using uprobed::testing::FakeProc;
using uprobed::testing::TempDir;

// A real executable that a test may unlink.
std::string CopyOfTrue(const TempDir& dir) {
  const std::string path = dir.File("true");
  std::filesystem::copy_file("/bin/true", path);
  return path;
}

TEST(OpenPath, OpensTheFileThatThePathIsNow) {
  const TempDir dir;
  const std::string path = CopyOfTrue(dir);
  const absl::StatusOr<Target> target = OpenPath(path);
  ASSERT_TRUE(target.ok()) << target.status();
  store::ProbeSpec spec;
  spec.binary_path = path;
  EXPECT_EQ(target->version, *Observe("/proc", "", spec));
  EXPECT_EQ(target->path, path);
}

TEST(OpenPath, RefusesARelativePathAndTheDaemon) {
  EXPECT_EQ(ReasonOf(OpenPath("bin/true").status()), "TARGET_NOT_ABSOLUTE");
  EXPECT_EQ(ReasonOf(OpenPath("").status()), "TARGET_MISSING");
  EXPECT_EQ(ReasonOf(OpenPath("/proc/self/exe").status()), "TARGET_IS_SELF");
}

TEST(OpenProcess, OpensAnExecutableThatLostItsName) {
  const TempDir dir;
  FakeProc proc;
  const std::string path = CopyOfTrue(dir);
  proc.AddProcess(40, path);
  const absl::StatusOr<Target> target = OpenProcess(proc.root(), 40);
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->path, path);

  // As the kernel shows an unlinked file: the link names a path that is no more.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/proc/self/fd/" + std::to_string(fd), path + " (deleted)");
  proc.AddProcess(41, path + " (deleted)");
  const absl::StatusOr<Target> unlinked = OpenProcess(proc.root(), 41);
  ASSERT_TRUE(unlinked.ok()) << unlinked.status();
  EXPECT_EQ(unlinked->path, path);
  close(fd);
}

TEST(OpenProcess, RefusesAProcessWithoutExecutableAndTheDaemon) {
  FakeProc proc;
  EXPECT_EQ(ReasonOf(OpenProcess(proc.root(), 40).status()), "PROCESS_NOT_FOUND");
  EXPECT_EQ(ReasonOf(OpenProcess("/proc", static_cast<uint32_t>(getpid())).status()),
            "TARGET_IS_SELF");
}

TEST(Observe, SaysWhatIsMissing) {
  store::ProbeSpec path;
  path.binary_path = "/nonexistent/shop";
  EXPECT_EQ(ReasonOf(Observe("/proc", "boot", path).status()), "BINARY_NOT_FOUND");
  path.binary_path = "/bin/true/shop";
  EXPECT_EQ(ReasonOf(Observe("/proc", "boot", path).status()), "BINARY_NOT_FOUND");
  path.binary_path = "/" + std::string(5000, 'x');
  EXPECT_EQ(ReasonOf(Observe("/proc", "boot", path).status()), "BINARY_NOT_READABLE");
}

TEST(Observe, TellsAProcessByStartTimeAndBoot) {
  FakeProc proc;
  proc.AddProcess(40, "/bin/true", 777);
  store::ProbeSpec spec;
  spec.pid = 40;
  spec.pid_start_time = 777;
  spec.boot_id = "boot";
  EXPECT_TRUE(Observe(proc.root(), "boot", spec).ok());
  EXPECT_EQ(ReasonOf(Observe(proc.root(), "other", spec).status()), "PROCESS_EXITED");
  spec.pid_start_time = 778;
  EXPECT_EQ(ReasonOf(Observe(proc.root(), "boot", spec).status()), "PROCESS_EXITED");
}

}  // namespace
}  // namespace uprobed::control
