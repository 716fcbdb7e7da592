#include "server/probe/bpf_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <utility>

#include "bpf/abi/request_metrics.h"
#include "server/base/errors.h"
#include "server/probe/context_table.h"
#include "server/probe/kernel_features.h"
#include "server/probe/uprobe_multi.h"
#include "uprobed.skel.h"

namespace uprobed::probe {
namespace {

// The reader is woken when this part of the ring is filled.
constexpr uint32_t kFilledPart = 8;

// include/linux/proc_ns.h: PROC_PID_INIT_INO, the inode of the initial pid namespace.
constexpr ino_t kInitialPidNamespaceInode = 0xEFFFFFFC;

// libbpf's messages at their own level; what it calls a warning is told again, with what to do
// about it, by the status that the failing call returns.
int LogLibbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG && !spdlog::should_log(spdlog::level::trace)) return 0;
  char line[1024];
  const int length = std::vsnprintf(line, sizeof(line), format, arguments);
  std::string text(line);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  spdlog::log(level == LIBBPF_DEBUG ? spdlog::level::trace : spdlog::level::debug, "libbpf: {}",
              text);
  return length;
}

void SetPidNamespace(uprobed_bpf& skeleton) {
  struct stat own {};
  if (stat("/proc/self/ns/pid", &own) != 0 || own.st_ino == kInitialPidNamespaceInode) return;
  skeleton.rodata->pid_namespace_device = own.st_dev;
  skeleton.rodata->pid_namespace_inode = own.st_ino;
}

// The kernel else allocates all entries of a hash with it. A kernel that has uprobe_multi (6.6) has
// an allocator that programs may call anywhere (6.1); to insert and to delete an entry costs about
// 20 ns more.
void AllocateEntriesAsNeeded(uprobed_bpf& skeleton) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton.obj) {
    if (bpf_map__type(map) == BPF_MAP_TYPE_HASH || bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_HASH) {
      bpf_map__set_map_flags(map, BPF_F_NO_PREALLOC);
    }
  }
}

}  // namespace

absl::Status LoadError(int error_number) {
  if (error_number == EPERM || error_number == EACCES) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "DAEMON_CAPS_MISSING",
        "the kernel does not let the daemon load BPF programs: run it as root or with "
        "CAP_BPF and CAP_PERFMON (kernel.unprivileged_bpf_disabled and lockdown apply)");
  }
  return MakeErrnoError(
      error_number, "KERNEL_FEATURE_MISSING",
      "the kernel refused the BPF programs; kernel 5.15 or later with BTF and ring "
      "buffers is needed, `uprobectl doctor` says what is missing");
}

void SkeletonDeleter::operator()(uprobed_bpf* skeleton) const noexcept {
  uprobed_bpf::destroy(skeleton);
}

void ChoosePrograms(const uprobed_bpf& skeleton, ProgramGroup group, bool uprobe_multi) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton.obj) bpf_program__set_autoload(program, false);
  for (const profile::SiteKind kind : profile::AllSiteKinds()) {
    const SiteProgram wanted = ProgramOf(kind);
    if (wanted.name == nullptr || wanted.group != group) continue;
    program = bpf_object__find_program_by_name(skeleton.obj, wanted.name);
    if (program == nullptr) continue;
    bpf_program__set_autoload(program, true);
    if (uprobe_multi) bpf_program__set_expected_attach_type(program, kTraceUprobeMulti);
  }
}

BpfObject::BpfObject(BpfSkeleton skeleton, bool uprobe_multi, bool reads_kernel)
    : skeleton_(std::move(skeleton)), uprobe_multi_(uprobe_multi), reads_kernel_(reads_kernel) {}

absl::StatusOr<std::unique_ptr<BpfObject>> BpfObject::Load(const BpfObjectOptions& options) {
  libbpf_set_print(LogLibbpf);
  BpfSkeleton opened(uprobed_bpf::open());
  if (opened == nullptr) return LoadError(errno);
  const bool multi = options.allow_uprobe_multi && KernelHasUprobeMulti();
  std::unique_ptr<BpfObject> object(
      new BpfObject(std::move(opened), multi, KernelLetsReadItsMemory()));
  uprobed_bpf* const skeleton = object->skeleton_.get();

  if (options.ring_bytes != 0) bpf_map__set_max_entries(skeleton->maps.events, options.ring_bytes);
  // So much of the ring is left for what comes until the reader runs.
  skeleton->rodata->wakeup_bytes = bpf_map__max_entries(skeleton->maps.events) / kFilledPart;
  SetPidNamespace(*skeleton);
  skeleton->rodata->may_read_kernel = object->reads_kernel_;
  ChoosePrograms(*skeleton, ProgramGroup::kHttp, multi);
  for (bpf_map* map : {skeleton->maps.goroutine_origins, skeleton->maps.sent_elements,
                       skeleton->maps.timer_functions, skeleton->maps.select_receives}) {
    if (options.handoffs_max != 0) bpf_map__set_max_entries(map, options.handoffs_max);
  }
  if (multi) AllocateEntriesAsNeeded(*skeleton);
  const uint32_t request_metrics_max =
      multi ? UP_REQUEST_METRICS_MAX : UP_REQUEST_METRICS_MAX_PREALLOCATED;
  bpf_map__set_max_entries(skeleton->maps.request_metrics, options.request_metrics_max != 0
                                                               ? options.request_metrics_max
                                                               : request_metrics_max);
  if (const int error = uprobed_bpf::load(skeleton); error != 0) return LoadError(-error);
  object->maps_ = {
      .profile_slots = bpf_map__fd(skeleton->maps.profile_slots),
      .span_limits = bpf_map__fd(skeleton->maps.span_limits),
      .span_rates = bpf_map__fd(skeleton->maps.span_rates),
      .request_metrics = bpf_map__fd(skeleton->maps.request_metrics),
      .overflowed_request_metrics = bpf_map__fd(skeleton->maps.overflowed_request_metrics),
      .scoped_processes = bpf_map__fd(skeleton->maps.scoped_processes),
      .server_requests = bpf_map__fd(skeleton->maps.server_requests),
      .client_requests = bpf_map__fd(skeleton->maps.client_requests),
      .grpc_client_requests = bpf_map__fd(skeleton->maps.grpc_client_requests),
      .server_routes = bpf_map__fd(skeleton->maps.server_routes),
      .trace_states = bpf_map__fd(skeleton->maps.trace_states),
      .outgoing_connections = bpf_map__fd(skeleton->maps.outgoing_connections),
      .http2_attempts = bpf_map__fd(skeleton->maps.http2_attempts),
      .outgoing_headers = bpf_map__fd(skeleton->maps.outgoing_headers),
      .goroutine_origins = bpf_map__fd(skeleton->maps.goroutine_origins),
      .sent_elements = bpf_map__fd(skeleton->maps.sent_elements),
      .timer_functions = bpf_map__fd(skeleton->maps.timer_functions),
      .select_receives = bpf_map__fd(skeleton->maps.select_receives),
      .client_bodies = bpf_map__fd(skeleton->maps.client_bodies),
      .failed_bodies = bpf_map__fd(skeleton->maps.failed_bodies),
      .counters = bpf_map__fd(skeleton->maps.counters),
      .events = bpf_map__fd(skeleton->maps.events),
      .server_contexts = bpf_map__fd(skeleton->maps.server_contexts),
      .kept_requests = &skeleton->bss->kept_requests,
      .spans_are_streamed = &skeleton->bss->spans_are_streamed,
      .stitched_slots = &skeleton->bss->stitched_slots};
  // A kernel that cannot do it says so before anything is attached.
  if (const auto contexts = ContextTable::Map(object->maps_.server_contexts); !contexts.ok()) {
    return contexts.status();
  }
  return object;
}

}  // namespace uprobed::probe
