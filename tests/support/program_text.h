#ifndef UPROBED_TESTS_SUPPORT_PROGRAM_TEXT_H_
#define UPROBED_TESTS_SUPPORT_PROGRAM_TEXT_H_

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "server/base/unique_fd.h"

namespace uprobed::testing {

// The code of a process beside that of its file, which differ where there is a breakpoint.
class ProgramText {
 public:
  ProgramText(pid_t pid, const std::string& path)
      : memory_(open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC)) {
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
    for (std::string line; std::getline(maps, line);) {
      std::istringstream fields(line);
      std::string range, permissions, offset, device, inode, name;
      fields >> range >> permissions >> offset >> device >> inode >> name;
      if (name != path || permissions.find('x') == std::string::npos) continue;
      address_ = std::stoull(range, nullptr, 16);
      file_bytes_.resize(std::stoull(range.substr(range.find('-') + 1), nullptr, 16) - address_);
      file_bytes_.resize(static_cast<size_t>(
          std::max<ssize_t>(0, pread(file.get(), file_bytes_.data(), file_bytes_.size(),
                                     static_cast<off_t>(std::stoull(offset, nullptr, 16))))));
    }
  }

  // How many bytes differ now; all of them where the process is gone.
  size_t Differences() const {
    std::vector<char> now(file_bytes_.size());
    if (pread(memory_.get(), now.data(), now.size(), static_cast<off_t>(address_)) !=
        static_cast<ssize_t>(now.size())) {
      return file_bytes_.size();
    }
    size_t differences = 0;
    for (size_t i = 0; i < now.size(); ++i) differences += now[i] != file_bytes_[i] ? 1U : 0U;
    return differences;
  }
  size_t size() const { return file_bytes_.size(); }

 private:
  const UniqueFd memory_;
  uint64_t address_ = 0;
  std::vector<char> file_bytes_;
};

}  // namespace uprobed::testing

#endif  // UPROBED_TESTS_SUPPORT_PROGRAM_TEXT_H_
