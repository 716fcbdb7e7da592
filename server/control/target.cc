#include "server/control/target.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "server/base/errors.h"
#include "server/base/unique_fd.h"
#include "server/control/proc_file.h"
#include "server/control/process_table.h"

namespace uprobed::control {
namespace {

absl::Status SelfError() {
  return MakeError(absl::StatusCode::kInvalidArgument, "TARGET_IS_SELF",
                   "the daemon does not probe itself: name another program");
}

// `before` is the file as it was before its content was read.
absl::StatusOr<Target> Finish(elf::ElfFile file, const struct stat& before, std::string path) {
  struct stat status {};
  if (fstat(file.fd(), &status) != 0) {
    return MakeErrnoError(errno, "BINARY_NOT_READABLE", "cannot look at " + path);
  }
  const FileVersion version = VersionOf(status);
  if (version != VersionOf(before)) {
    return MakeError(absl::StatusCode::kAborted, "BINARY_CHANGED",
                     path + " was changed while it was read: try again", {{"path", path}});
  }
  struct stat self {};
  if (stat("/proc/self/exe", &self) == 0 && VersionOf(self).id == version.id) return SelfError();
  return Target{.file = std::move(file), .version = version, .path = std::move(path)};
}

absl::Status ProcessError(int error_number, uint32_t pid) {
  if (error_number == EACCES || error_number == EPERM) {
    return MakeError(absl::StatusCode::kPermissionDenied, "PROCESS_NOT_READABLE",
                     fmt::format("the daemon may not look at process {}: run it as root or with "
                                 "CAP_SYS_PTRACE",
                                 pid),
                     {{"pid", std::to_string(pid)}});
  }
  return MakeError(absl::StatusCode::kNotFound, "PROCESS_NOT_FOUND",
                   fmt::format("there is no process {} with an executable in the daemon's pid "
                               "namespace: it has ended, or it is a kernel thread",
                               pid),
                   {{"pid", std::to_string(pid)}});
}

// The path behind /proc/<pid>/exe; the kernel marks one that was unlinked (d_path).
std::string ExecutablePath(const std::string& link, bool unlinked) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (unlinked && link.ends_with(kDeleted)) return link.substr(0, link.size() - kDeleted.size());
  return link;
}

absl::Status NotFound(const std::string& path) {
  return MakeError(
      absl::StatusCode::kNotFound, "BINARY_NOT_FOUND",
      fmt::format("there is no file {}: a probe of it is attached as soon as there is", path),
      {{"path", path}});
}

absl::Status ExitedError(uint32_t pid) {
  return MakeError(
      absl::StatusCode::kNotFound, "PROCESS_EXITED",
      fmt::format("process {} has ended: delete the probe, and probe the binary's path "
                  "to see processes started later",
                  pid),
      {{"pid", std::to_string(pid)}});
}

absl::StatusOr<FileVersion> ObserveProcess(const std::string& proc_root, const std::string& boot_id,
                                           const store::ProbeSpec& spec) {
  struct stat status {};
  if (spec.boot_id != boot_id || ReadStartTime(proc_root, spec.pid) != spec.pid_start_time ||
      stat(ProcPath(proc_root, spec.pid, "exe").c_str(), &status) != 0) {
    return ExitedError(spec.pid);
  }
  return VersionOf(status);
}

}  // namespace

absl::StatusOr<Target> OpenPath(const std::string& path) {
  RETURN_IF_ERROR(CheckTargetGiven(path, 0));
  struct stat before {};
  const bool existed = stat(path.c_str(), &before) == 0;
  ASSIGN_OR_RETURN(elf::ElfFile file, elf::ElfFile::Open(path));
  if (!existed) return NotFound(path);
  return Finish(std::move(file), before, path);
}

absl::StatusOr<Target> OpenProcess(const std::string& proc_root, uint32_t pid) {
  if (static_cast<pid_t>(pid) == getpid()) return SelfError();
  const std::string link = ProcPath(proc_root, pid, "exe");
  const std::optional<std::string> path = ReadLink(link);
  if (!path.has_value()) return ProcessError(errno, pid);
  UniqueFd fd(open(link.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return ProcessError(errno, pid);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return ProcessError(errno, pid);
  std::string name = ExecutablePath(*path, status.st_nlink == 0);
  ASSIGN_OR_RETURN(elf::ElfFile file, elf::ElfFile::FromFd(std::move(fd), name));
  return Finish(std::move(file), status, std::move(name));
}

absl::StatusOr<Target> OpenTarget(const std::string& proc_root, const store::ProbeSpec& spec) {
  return spec.pid != 0 ? OpenProcess(proc_root, spec.pid) : OpenPath(spec.binary_path);
}

absl::Status CheckTargetGiven(const std::string& path, uint32_t pid) {
  if (path.empty() && pid == 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, "TARGET_MISSING",
                     "give the absolute path of an executable, or the id of a running process");
  }
  if (!path.empty() && pid != 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, "TARGET_AMBIGUOUS",
                     "give either a path or a process id, not both");
  }
  if (!path.empty() && path.front() != '/') {
    return MakeError(absl::StatusCode::kInvalidArgument, "TARGET_NOT_ABSOLUTE",
                     "the daemon has a working directory of its own: give the absolute path",
                     {{"path", path}});
  }
  return absl::OkStatus();
}

absl::StatusOr<FileVersion> Observe(const std::string& proc_root, const std::string& boot_id,
                                    const store::ProbeSpec& spec) {
  if (spec.pid != 0) return ObserveProcess(proc_root, boot_id, spec);
  struct stat status {};
  if (stat(spec.binary_path.c_str(), &status) == 0) return VersionOf(status);
  const int error_number = errno;
  if (error_number == ENOENT || error_number == ENOTDIR) {
    return NotFound(spec.binary_path);
  }
  return MakeErrnoError(error_number, "BINARY_NOT_READABLE",
                        fmt::format("cannot look at {}", spec.binary_path));
}

}  // namespace uprobed::control
