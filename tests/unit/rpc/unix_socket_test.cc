#include "server/rpc/unix_socket.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <optional>

#include "server/base/errors.h"
#include "tests/support/temp_dir.h"

namespace uprobed::rpc {
namespace {

class UnixSocketTest : public ::testing::Test {
 protected:
  std::string Refusal(const std::string& path, const std::string& group = "") {
    return ReasonOf(UnixSocket::Listen(path, group).status());
  }
  // A socket file that nobody listens on, as a killed daemon leaves it.
  void LeaveStale() {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }

  testing::TempDir dir_;
  const std::string path_ = dir_.File("s.sock");
};

struct stat StatOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0);
  return info;
}

TEST_F(UnixSocketTest, HasMode0660WhateverTheUmask) {
  for (const mode_t mask : {mode_t{0}, mode_t{022}, mode_t{0777}}) {
    const mode_t before = ::umask(mask);
    const auto socket = UnixSocket::Listen(path_, "");
    EXPECT_EQ(::umask(before), mask);
    ASSERT_TRUE(socket.ok()) << socket.status();
    EXPECT_EQ(StatOf(path_).st_mode, S_IFSOCK | 0660U);
  }
}

TEST_F(UnixSocketTest, RemovesItsFile) {
  {
    const auto socket = UnixSocket::Listen(path_, "");
    ASSERT_TRUE(socket.ok()) << socket.status();
    EXPECT_TRUE(std::filesystem::exists(path_));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketTest, LeavesAFileThatTookItsPlace) {
  {
    const auto socket = UnixSocket::Listen(path_, "");
    ASSERT_TRUE(socket.ok()) << socket.status();
    std::filesystem::rename(path_, path_ + ".old");
    dir_.Write("s.sock", "mine");
  }
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketTest, ReplacesAStaleSocket) {
  LeaveStale();
  const auto socket = UnixSocket::Listen(path_, "");
  EXPECT_TRUE(socket.ok()) << socket.status();
}

TEST_F(UnixSocketTest, LeavesALivingSocketAlone) {
  const auto socket = UnixSocket::Listen(path_, "");
  ASSERT_TRUE(socket.ok()) << socket.status();
  const ino_t inode = StatOf(path_).st_ino;
  EXPECT_EQ(Refusal(path_), "SOCKET_IN_USE");
  EXPECT_EQ(StatOf(path_).st_ino, inode);
}

TEST_F(UnixSocketTest, NeverRemovesAnotherKindOfFile) {
  dir_.Write("s.sock", "precious");
  EXPECT_EQ(Refusal(path_), "SOCKET_PATH_TAKEN");
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);

  std::filesystem::remove(path_);
  std::filesystem::create_symlink(dir_.File("elsewhere"), path_);
  EXPECT_EQ(Refusal(path_), "SOCKET_PATH_TAKEN");
}

TEST_F(UnixSocketTest, NeedsItsDirectory) {
  EXPECT_EQ(Refusal(dir_.File("missing/s.sock")), "SOCKET_DIRECTORY_MISSING");
  dir_.Write("file", "");
  EXPECT_EQ(Refusal(dir_.File("file/s.sock")), "SOCKET_DIRECTORY_MISSING");
}

TEST_F(UnixSocketTest, RefusesADirectoryWhereAnybodyCouldReplaceIt) {
  const std::string shared = dir_.File("shared");
  std::filesystem::create_directory(shared);
  ASSERT_EQ(::chmod(shared.c_str(), 0777), 0);
  EXPECT_EQ(Refusal(shared + "/s.sock"), "SOCKET_DIRECTORY_UNSAFE");
  ASSERT_EQ(::chmod(shared.c_str(), 01777), 0);
  EXPECT_TRUE(UnixSocket::Listen(shared + "/s.sock", "").ok());
}

TEST_F(UnixSocketTest, RefusesPathsThatCannotBeASocket) {
  for (const std::string& wrong : {std::string(""), std::string("s.sock"), dir_.File("x/"),
                                   dir_.File(std::string(200, 'a')), path_ + '\0' + "b"}) {
    EXPECT_EQ(Refusal(wrong), "SOCKET_PATH_INVALID") << wrong;
  }
}

TEST_F(UnixSocketTest, BelongsToTheGroup) {
  const group* const own = ::getgrgid(::getegid());
  if (own == nullptr) GTEST_SKIP() << "the process's group has no name";
  const auto socket = UnixSocket::Listen(path_, own->gr_name);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(StatOf(path_).st_gid, ::getegid());
  EXPECT_EQ(StatOf(path_).st_mode, S_IFSOCK | 0660U);
}

TEST_F(UnixSocketTest, LeavesNothingBehindForAnUnknownGroup) {
  EXPECT_EQ(Refusal(path_, "no-such-group"), "SOCKET_GROUP_UNKNOWN");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace uprobed::rpc
