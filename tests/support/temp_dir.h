#ifndef UPROBED_TESTS_SUPPORT_TEMP_DIR_H_
#define UPROBED_TESTS_SUPPORT_TEMP_DIR_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace uprobed::testing {

// A directory of its own for one test, removed with all it holds. Failing to make it throws, which
// GoogleTest reports: no test can go on without.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "uprobed-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
    path_ = pattern;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;  // what is left behind in the temporary directory harms nobody
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }
  std::string File(std::string_view name) const { return (path_ / name).string(); }

  // Writes `content` to the file `name` in the directory and returns its path.
  std::string Write(std::string_view name, std::string_view content) const {
    const std::string path = File(name);
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    file.close();
    if (!file) throw std::runtime_error("write " + path);
    return path;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace uprobed::testing

#endif  // UPROBED_TESTS_SUPPORT_TEMP_DIR_H_
