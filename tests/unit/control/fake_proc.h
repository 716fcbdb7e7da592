#ifndef UPROBED_TESTS_UNIT_CONTROL_FAKE_PROC_H_
#define UPROBED_TESTS_UNIT_CONTROL_FAKE_PROC_H_

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "tests/support/temp_dir.h"

namespace uprobed::testing {

// A tree as /proc has it, of processes that a test makes up. A link to a file that is to be
// replaced should go to a hard link of it: a real /proc/<pid>/exe still leads to a file without
// names.
class FakeProc {
 public:
  std::string root() const { return dir_.path().string(); }

  void AddProcess(uint32_t pid, const std::string& executable, uint64_t start_time = 100) {
    namespace fs = std::filesystem;
    fs::create_directories(dir_.path() / std::to_string(pid) / "ns");
    fs::create_directories(dir_.path() / std::to_string(pid) / "fd");
    fs::create_directories(dir_.path() / std::to_string(pid) / "net");
    SetExecutable(pid, executable);
    WriteStat(pid, 'S', start_time);
    Write(pid, "environ", "");
    SetNetworkNamespace(pid, "host");
  }
  void SetExecutable(uint32_t pid, const std::string& executable) {
    const std::filesystem::path link = dir_.path() / std::to_string(pid) / "exe";
    std::filesystem::remove(link);
    std::filesystem::create_symlink(executable, link);
  }
  void WriteStat(uint32_t pid, char state, uint64_t start_time) {
    Write(pid, "stat",
          fmt::format("{} (a) b (c)) {} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 {} 20 21\n",
                      pid, state, start_time));
  }
  void Write(uint32_t pid, const std::string& name, const std::string& content) {
    dir_.Write(fmt::format("{}/{}", pid, name), content);
  }
  // Processes given the same name share a namespace.
  void SetNetworkNamespace(uint32_t pid, const std::string& name) {
    const std::filesystem::path link = dir_.path() / std::to_string(pid) / "ns/net";
    std::filesystem::remove(link);
    std::filesystem::create_symlink(dir_.Write("namespace-" + name, ""), link);
  }
  uint64_t NetworkNamespace(const std::string& name) const {
    struct stat status {};
    stat(dir_.File("namespace-" + name).c_str(), &status);
    return status.st_ino;
  }
  void AddSocket(uint32_t pid, int fd, uint64_t inode) {
    std::filesystem::create_symlink(fmt::format("socket:[{}]", inode),
                                    dir_.path() / fmt::format("{}/fd/{}", pid, fd));
  }
  void RemoveProcess(uint32_t pid) {
    std::filesystem::remove_all(dir_.path() / std::to_string(pid));
  }

 private:
  TempDir dir_;
};

// A table of /proc/<pid>/net/tcp with one socket.
inline std::string TcpTable(const std::string& local_address, const std::string& state,
                            uint64_t inode) {
  return fmt::format(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: {} 00000000:0000 {} 00000000:00000000 00:00000000 00000000     0        0 {} 1 "
      "0000000000000000 100 0 0 10 0\n",
      local_address, state, inode);
}

}  // namespace uprobed::testing

#endif  // UPROBED_TESTS_UNIT_CONTROL_FAKE_PROC_H_
