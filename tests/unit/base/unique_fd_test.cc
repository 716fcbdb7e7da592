#include "server/base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <utility>

namespace uprobed {
namespace {

int OpenNull() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

TEST(UniqueFd, OwnsNothingAtFirst) {
  const UniqueFd fd;

  EXPECT_FALSE(fd.valid());
  EXPECT_EQ(fd.get(), -1);
}

TEST(UniqueFd, ClosesAtItsEnd) {
  const int raw = OpenNull();
  {
    const UniqueFd fd(raw);
    EXPECT_TRUE(fd.valid());
    EXPECT_TRUE(IsOpen(raw));
  }

  EXPECT_FALSE(IsOpen(raw));
}

TEST(UniqueFd, MovesOwnership) {
  const int raw = OpenNull();
  UniqueFd from(raw);

  UniqueFd to(std::move(from));

  EXPECT_EQ(to.get(), raw);
  EXPECT_EQ(from.Release(), -1);
  EXPECT_TRUE(IsOpen(raw));
}

TEST(UniqueFd, ClosesWhatAMoveReplaces) {
  const int replaced = OpenNull();
  const int raw = OpenNull();
  UniqueFd to(replaced);

  to = UniqueFd(raw);

  EXPECT_FALSE(IsOpen(replaced));
  EXPECT_EQ(to.get(), raw);
  EXPECT_TRUE(IsOpen(raw));
}

TEST(UniqueFd, SurvivesAMoveToItself) {
  UniqueFd fd(OpenNull());
  UniqueFd& same = fd;

  fd = std::move(same);

  EXPECT_TRUE(IsOpen(fd.get()));
}

TEST(UniqueFd, ReleaseGivesUpWithoutClosing) {
  UniqueFd fd(OpenNull());

  const UniqueFd released(fd.Release());

  EXPECT_FALSE(fd.valid());
  EXPECT_TRUE(IsOpen(released.get()));
}

TEST(UniqueFd, ResetCloses) {
  const int raw = OpenNull();
  UniqueFd fd(raw);

  fd.Reset();

  EXPECT_FALSE(fd.valid());
  EXPECT_FALSE(IsOpen(raw));
}

}  // namespace
}  // namespace uprobed
