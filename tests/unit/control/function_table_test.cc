#include "server/control/function_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>

#include "server/base/errors.h"
#include "server/base/unique_fd.h"
#include "server/elf/elf_file.h"
#include "server/elf/go_functions.h"
#include "server/profile/resolver.h"
#include "tests/support/targets.h"

namespace uprobed::control {
namespace {

TEST(FunctionTable, HasTheFunctionsOfABinaryWithAndWithoutSymbols) {
  const auto targets = testing::AvailableTargets("hello");
  if (targets.empty()) GTEST_SKIP() << "no Go programs: run scripts/build_targets";
  for (const testing::TargetProgram& target : targets) {
    SCOPED_TRACE(target.path);
    const auto file = elf::ElfFile::Open(target.path);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto identity = profile::ReadIdentity(*file);
    ASSERT_TRUE(identity.ok()) << identity.status();

    const auto names = ReadFunctionTable(file->fd(), *identity);

    ASSERT_TRUE(names.ok()) << names.status();
    EXPECT_GT((*names)->size(), 1000u);
    const auto functions = elf::GoFunctions::Read(*file);
    ASSERT_TRUE(functions.ok()) << functions.status();
    for (const char* name : {"main.main", "net/http.(*ServeMux).ServeHTTP", "net/http.NotFound"}) {
      const auto found = functions->Find(name);
      ASSERT_FALSE(found.empty()) << name;
      EXPECT_EQ((*names)->Find(found.front().address), name);
      EXPECT_EQ((*names)->Find(found.front().address + 1), "");
    }
  }
}

TEST(FunctionTable, IsThatOfTheBinaryAlone) {
  const auto targets = testing::AvailableTargets("hello");
  if (targets.size() < 2) GTEST_SKIP() << "no Go programs: run scripts/build_targets";
  const auto file = elf::ElfFile::Open(targets.front().path);
  const auto other = elf::ElfFile::Open(targets.back().path);
  ASSERT_TRUE(file.ok() && other.ok());
  const auto identity = profile::ReadIdentity(*other);
  ASSERT_TRUE(identity.ok()) << identity.status();

  EXPECT_EQ(ReasonOf(ReadFunctionTable(file->fd(), *identity).status()),
            "HANDLER_FUNCTION_UNAVAILABLE");
  const UniqueFd empty(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(ReasonOf(ReadFunctionTable(empty.get(), *identity).status()),
            "HANDLER_FUNCTION_UNAVAILABLE");
}

}  // namespace
}  // namespace uprobed::control
