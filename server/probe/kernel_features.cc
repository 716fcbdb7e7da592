#include "server/probe/kernel_features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

#include "server/base/unique_fd.h"
#include "server/probe/uprobe_multi.h"

namespace uprobed::probe {
namespace {

Feature File(const std::string& name, const std::string& path, bool required,
             const std::string& remedy) {
  const bool there = access(path.c_str(), R_OK) == 0;
  return {.name = name,
          .available = there,
          .required = required,
          .detail = there ? path : fmt::format("{} is missing: {}", path, remedy)};
}

Feature RingBuffer() {
  const bool there = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, nullptr) == 1;
  return {.name = "ring_buffer",
          .available = there,
          .required = true,
          .detail = there ? "BPF ring buffers" : "BPF ring buffers need kernel 5.8 and CAP_BPF"};
}

Feature BpfCookie() {
  const bool there =
      libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie, nullptr) == 1;
  return {.name = "bpf_cookie",
          .available = there,
          .required = true,
          .detail = there ? "attach cookies" : "attach cookies need kernel 5.15 and CAP_BPF"};
}

Feature UprobeMulti() {
  const bool there = KernelHasUprobeMulti();
  return {.name = "uprobe_multi",
          .available = there,
          .required = false,
          .detail = there
                        ? "many sites in one link"
                        : "kernel 6.6 attaches many sites at once; one perf event a site is used"};
}

uint64_t EffectiveCapabilities() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    constexpr std::string_view kKey = "CapEff:";
    if (line.starts_with(kKey)) return std::stoull(line.substr(kKey.size()), nullptr, 16);
  }
  return 0;
}

Feature Capabilities() {
  const uint64_t effective = EffectiveCapabilities();
  const auto has = [effective](int capability) { return (effective >> capability & 1) != 0; };
  const bool enough = has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON));
  return {.name = "capabilities",
          .available = enough,
          .required = true,
          .detail = enough ? "CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN"
                           : "run the daemon as root or with CAP_BPF and CAP_PERFMON"};
}

Feature ProcessAccess() {
  const uint64_t effective = EffectiveCapabilities();
  const bool enough = (effective >> CAP_SYS_PTRACE & 1) != 0;
  return {.name = "process_access",
          .available = enough,
          .required = false,
          .detail = enough ? "CAP_SYS_PTRACE"
                           : "without CAP_SYS_PTRACE other users' processes cannot be inspected: "
                             "service names and pid targets need it"};
}

// securityfs, where nobody has mounted it: mounted nowhere but at this descriptor.
UniqueFd OpenSecurityfs() {
  const UniqueFd context(static_cast<int>(syscall(SYS_fsopen, "securityfs", FSOPEN_CLOEXEC)));
  if (!context.valid() ||
      syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return UniqueFd();
  }
  return UniqueFd(static_cast<int>(
      syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC)));
}

// "[none] integrity confidentiality", where the brackets say which; empty where it is not told.
std::string LockdownModes() {
  UniqueFd file(open("/sys/kernel/security/lockdown", O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    const UniqueFd securityfs = OpenSecurityfs();
    if (!securityfs.valid()) return "";
    file = UniqueFd(openat(securityfs.get(), "lockdown", O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return "";
  }
  char text[128];  // the kernel writes less than 50
  const ssize_t size = read(file.get(), text, sizeof(text));
  if (size <= 0) return "";
  const std::string_view modes(text, static_cast<size_t>(size));
  return std::string(modes.substr(0, modes.find('\n')));
}

bool IsLockedDown(const std::string& modes) {
  return !modes.empty() && modes.find("[none]") == std::string::npos;
}

Feature Lockdown() {
  const std::string modes = LockdownModes();
  const bool open = !IsLockedDown(modes);
  const char* const otherwise = modes.empty() ? "not known: securityfs tells nothing of a lockdown"
                                              : "the kernel is not locked down";
  return {.name = "lockdown_none",
          .available = open,
          .required = false,
          .detail = open ? otherwise : "kernel lockdown: " + modes};
}

Feature Injection() {
  const std::optional<std::string> obstacle = InjectionObstacle();
  return {.name = "injection",
          .available = !obstacle,
          .required = false,
          .detail = obstacle ? "traceparent cannot be injected: " + *obstacle
                             : "no obstacle is known for probes with inject_traceparent"};
}

}  // namespace

// kernel/trace/bpf_trace.c, bpf_get_probe_write_proto, and LOCKDOWN_BPF_WRITE_USER, which is among
// what integrity forbids.
std::optional<std::string> InjectionObstacle(const std::string& lockdown_modes,
                                             uint64_t effective_capabilities) {
  if (IsLockedDown(lockdown_modes)) {
    return fmt::format(
        "the kernel is locked down ({}) and lets no program write into the memory "
        "of others",
        lockdown_modes);
  }
  if ((effective_capabilities >> CAP_SYS_ADMIN & 1) == 0) {
    return "writing into the memory of others needs CAP_SYS_ADMIN, which the daemon does not have";
  }
  return std::nullopt;
}

std::optional<std::string> InjectionObstacle() {
  return InjectionObstacle(LockdownModes(), EffectiveCapabilities());
}

bool KernelHasUprobeMulti() {
  // return 0;
  const bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  bpf_prog_load_opts load{};
  load.sz = sizeof(load);
  load.expected_attach_type = kTraceUprobeMulti;
  const UniqueFd program(
      bpf_prog_load(BPF_PROG_TYPE_KPROBE, nullptr, "GPL", instructions, 2, &load));
  if (!program.valid()) return false;
  // A directory cannot be probed: a kernel that knows the link type says so with EBADF, one that
  // does not says EINVAL.
  const unsigned long offset = 0;
  bpf_link_create_opts create{};
  create.sz = sizeof(create);
  create.uprobe_multi.path = "/";
  create.uprobe_multi.offsets = &offset;
  create.uprobe_multi.cnt = 1;
  const UniqueFd link(bpf_link_create(program.get(), -1, kTraceUprobeMulti, &create));
  return !link.valid() && errno == EBADF;
}

bool KernelLetsReadItsMemory() {
  // u64 word; bpf_probe_read_kernel(&word, sizeof(word), nullptr); return 0;
  constexpr int kWord = sizeof(uint64_t);
  const bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_X,
       .dst_reg = BPF_REG_1,
       .src_reg = BPF_REG_10,
       .off = 0,
       .imm = 0},
      {.code = BPF_ALU64 | BPF_ADD | BPF_K,
       .dst_reg = BPF_REG_1,
       .src_reg = 0,
       .off = 0,
       .imm = -kWord},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K,
       .dst_reg = BPF_REG_2,
       .src_reg = 0,
       .off = 0,
       .imm = kWord},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_CALL,
       .dst_reg = 0,
       .src_reg = 0,
       .off = 0,
       .imm = BPF_FUNC_probe_read_kernel},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  const UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_KPROBE, nullptr, "GPL", instructions,
                                       std::size(instructions), nullptr));
  return program.valid();
}

std::vector<Feature> DetectKernelFeatures() {
  return {
      Capabilities(),
      File("btf", "/sys/kernel/btf/vmlinux", true, "use a kernel with CONFIG_DEBUG_INFO_BTF"),
      RingBuffer(),
      BpfCookie(),
      File("uprobe_events", "/sys/bus/event_source/devices/uprobe/type", true,
           "use a kernel with CONFIG_UPROBE_EVENTS"),
      UprobeMulti(),
      File("tracefs", "/sys/kernel/tracing/uprobe_events", false,
           "mount it to list other tools' probes: mount -t tracefs tracefs /sys/kernel/tracing"),
      ProcessAccess(),
      Lockdown(),
      Injection(),
  };
}

}  // namespace uprobed::probe
