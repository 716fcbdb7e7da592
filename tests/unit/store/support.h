#ifndef UPROBED_TESTS_UNIT_STORE_SUPPORT_H_
#define UPROBED_TESTS_UNIT_STORE_SUPPORT_H_

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/profile/profile.h"
#include "server/store/database.h"
#include "server/store/probe_record.h"
#include "server/store/store.h"

namespace uprobed::store {

inline constexpr int64_t kNow = 1'700'000'000'123'456'789;

// A directory of one test's own, removed at its end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string Path(std::string_view name) const { return (path_ / name).string(); }
  // The names in it, sorted, separated by spaces.
  std::string Listing() const;

 private:
  std::filesystem::path path_;
};

// Each field differs from its default; `digit` makes the content hash.
profile::Profile FullProfile(char digit = 'a');
std::string ProfileId(char digit);
ProbeRecord FullProbe(const std::string& id = "shop");

// The store, or a failure of the test and the end of the program.
std::unique_ptr<Store> OpenStore(const std::string& path = std::string(kInMemory));
// A database in memory with the schema of this build.
Database OpenSchema();

// Runs `sql` on a database file beside the store, as another program would.
void RunSql(const std::string& path, const std::string& sql);
int64_t QueryInteger(const std::string& path, const std::string& sql);

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, std::string_view content);

std::string MessageOf(const absl::Status& status);

inline mode_t ModeOf(const std::string& path) {
  struct stat information {};
  EXPECT_EQ(::stat(path.c_str(), &information), 0);
  return information.st_mode & 0777U;
}

}  // namespace uprobed::store

#endif  // UPROBED_TESTS_UNIT_STORE_SUPPORT_H_
