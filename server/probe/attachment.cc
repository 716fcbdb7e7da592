#include "server/probe/attachment.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <map>
#include <string>
#include <thread>

#include "bpf/abi/counters.h"
#include "bpf/abi/profile_slot.h"
#include "server/base/errors.h"
#include "server/probe/profile_slot.h"
#include "server/probe/site_cookie.h"
#include "server/probe/span_limits.h"
#include "server/profile/handler_sites.h"
#include "server/profile/http2_client_sites.h"
#include "server/profile/injection_sites.h"
#include "server/profile/response_sites.h"
#include "server/profile/router_names.h"

namespace uprobed::probe {
namespace {

using profile::Site;
using profile::SiteKind;

absl::Status AttachError(int error_number) {
  if (error_number == EPERM || error_number == EACCES) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "DAEMON_CAPS_MISSING",
                     "the kernel does not let the daemon attach uprobes: run it as root or with "
                     "CAP_BPF and CAP_PERFMON");
  }
  return MakeErrnoError(error_number, "ATTACH_FAILED", "the kernel refused a uprobe");
}

absl::Status MapError(int error_number) {
  return MakeErrnoError(error_number, "ATTACH_FAILED", "cannot write to a BPF map");
}

// Whether it is there that the connection of a request is known.
bool TellsConnection(SiteKind kind) {
  return kind == SiteKind::kClientConnection || profile::IsHttp2ClientSite(kind);
}

// Whether a site is of what is wanted. A goroutine's memory is used again for the next, so what it
// received is forgotten where that is started, even if nobody asks for goroutines.
bool IsWanted(SiteKind kind, const AttachOptions& options) {
  const auto asked = [&options](profile::Instrumentation instrumentation) {
    const auto& wanted = options.instrumentations;
    return std::find(wanted.begin(), wanted.end(), instrumentation) != wanted.end();
  };
  const bool first_byte =
      kind == SiteKind::kServerFirstByte || kind == SiteKind::kHttp2ServerFirstByte;
  if (!profile::IsProbed(kind)) return false;
  if (TellsConnection(kind) && !options.stitch_traces && !options.inject_traceparent) return false;
  const bool headers = kind == SiteKind::kClientHeaders || kind == SiteKind::kHttp2ClientHeaders;
  if (headers && !options.inject_traceparent) return false;
  if (kind == SiteKind::kServerRoute && !options.framework_routes) return false;
  if (profile::IsHandlerSite(kind) && !options.handler_function) return false;
  if (first_byte && !options.server_first_byte) return false;
  if (profile::IsResponseSite(kind) && !first_byte && !options.client_body) return false;
  return asked(InstrumentationOf(kind)) ||
         (kind == SiteKind::kGoroutineStart && asked(profile::Instrumentation::kChannels));
}

// Ends go live before starts: a start without an end would wait in the map for ever.
int AttachOrder(SiteKind kind) {
  const bool start = kind == SiteKind::kServerStart || kind == SiteKind::kHttp2ServerStart ||
                     kind == SiteKind::kClientStart || kind == SiteKind::kGrpcServerStart ||
                     kind == SiteKind::kGrpcClientStart;
  return start ? 1 : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LibbpfAttachment>> LibbpfAttachment::Make(
    const BpfObject& object, SlotAllocator& slots, int fd, const profile::Profile& profile,
    const AttachOptions& options, RequestMetrics& metrics, ForgottenRequests& forgotten,
    BpfPrograms& programs) {
  if (options.stitch_traces && !object.reads_kernel()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "STITCHING_UNAVAILABLE",
                     "the kernel is locked down for confidentiality and lets no program look at "
                     "connections: take stitch_traces back");
  }
  // Before anything else: also where the program has no headers to write into it cannot be had.
  if (options.inject_traceparent) {
    RETURN_IF_ERROR(programs.Get(SiteKind::kClientHeaders).status());
  }
  const std::optional<uint32_t> slot = slots.Take();
  if (!slot.has_value()) {
    return MakeError(
        absl::StatusCode::kResourceExhausted, "SLOTS_EXHAUSTED",
        fmt::format("{} binaries are attached, which is the limit: delete a probe first",
                    UP_MAX_SLOTS));
  }
  std::unique_ptr<LibbpfAttachment> attachment(
      new LibbpfAttachment(object, slots, metrics, forgotten, *slot));
  RETURN_IF_ERROR(attachment->FillSlot(profile, options));
  if (options.on_slot) options.on_slot(*slot);

  attachment->file_ = UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  std::vector<Site> sites;
  for (const Site& site : profile.sites) {
    const bool unknown_route =
        site.kind == SiteKind::kServerRoute && !profile::KnowsRoute(site, profile.fields);
    const bool unknown_headers =
        site.kind == SiteKind::kClientHeaders && !profile::KnowsInjection(profile);
    const bool unknown_handler =
        profile::IsHandlerSite(site.kind) && !profile::KnowsHandlers(profile);
    const bool unknown = unknown_route || unknown_headers || unknown_handler;
    if (IsWanted(site.kind, options) && !unknown) sites.push_back(site);
  }
  const bool notes = std::any_of(sites.begin(), sites.end(),
                                 [](const Site& site) { return TellsConnection(site.kind); });
  if (options.stitch_traces && notes) attachment->CountStitched();
  RETURN_IF_ERROR(attachment->AttachSites(fd, sites, programs));
  return attachment;
}

absl::Status LibbpfAttachment::FillSlot(const profile::Profile& profile,
                                        const AttachOptions& options) {
  const BpfMaps& maps = object_.maps();
  profile_slot_ = MakeProfileSlot(profile, options);
  RETURN_IF_ERROR(WriteSlot());
  const uint64_t never = 0;
  if (bpf_map_update_elem(maps.span_rates, &slot_, &never, BPF_ANY) != 0) return MapError(errno);
  RETURN_IF_ERROR(WriteSpanLimits(options.span_limits, options.span_keep_ratio));
  const std::vector<up_counters> zeros(static_cast<size_t>(libbpf_num_possible_cpus()));
  if (bpf_map_update_elem(maps.counters, &slot_, zeros.data(), BPF_ANY) != 0) {
    return MapError(errno);
  }
  forgotten_.Reset(slot_);
  for (const uint32_t pid : options.scoped_pids) {
    const up_scope_key key{.slot = slot_, .tgid = pid};
    const uint8_t present = 1;
    if (bpf_map_update_elem(maps.scoped_processes, &key, &present, BPF_ANY) != 0) {
      return MapError(errno);
    }
    scoped_pids_.push_back(pid);
  }
  return absl::OkStatus();
}

void LibbpfAttachment::CountStitched() {
  std::atomic_ref<uint64_t>(*object_.maps().stitched_slots).fetch_add(1);
  is_stitched_ = true;
}

absl::Status LibbpfAttachment::WriteSlot() {
  const int map = object_.maps().profile_slots;
  return bpf_map_update_elem(map, &slot_, &profile_slot_, BPF_ANY) == 0 ? absl::OkStatus()
                                                                        : MapError(errno);
}

absl::Status LibbpfAttachment::SetSpanLimits(const SpanLimits& limits) {
  return WriteSpanLimits(limits, span_keep_ratio_);
}

absl::Status LibbpfAttachment::SetSpanKeepRatio(double ratio) {
  return WriteSpanLimits(span_limits_, ratio);
}

absl::Status LibbpfAttachment::WriteSpanLimits(const SpanLimits& limits, double keep_ratio) {
  const int map = object_.maps().span_limits;
  const uint32_t before = profile_slot_.flags;
  const uint32_t others = ~static_cast<uint32_t>(UP_SLOT_LIMITED | UP_SLOT_ONLY_STREAMED);
  const uint32_t flags = (before & others) | SpanLimitFlags(limits, keep_ratio);
  // The entry is there before the programs look for it, and as long as they do.
  if ((flags & UP_SLOT_LIMITED) != 0) {
    const up_span_limits value = MakeSpanLimits(limits, keep_ratio);
    if (bpf_map_update_elem(map, &slot_, &value, BPF_ANY) != 0) return MapError(errno);
  }
  if (flags != before) {
    profile_slot_.flags = flags;
    RETURN_IF_ERROR(WriteSlot());
  }
  span_limits_ = limits;
  span_keep_ratio_ = keep_ratio;
  if ((before & UP_SLOT_LIMITED) == 0 || (flags & UP_SLOT_LIMITED) != 0) return absl::OkStatus();
  return bpf_map_delete_elem(map, &slot_) == 0 ? absl::OkStatus() : MapError(errno);
}

absl::Status LibbpfAttachment::AttachSites(int fd, const std::vector<Site>& sites,
                                           BpfPrograms& programs) {
  struct Group {
    std::vector<unsigned long> offsets;
    std::vector<uint64_t> cookies;
  };
  std::map<std::pair<int, bpf_program*>, Group> groups;
  for (const Site& site : sites) {
    ASSIGN_OR_RETURN(bpf_program * program, programs.Get(site.kind));
    Group& group = groups[{AttachOrder(site.kind), program}];
    breakpoints_.push_back({.file_offset = site.file_offset, .bytes = site.bytes});
    group.offsets.push_back(site.file_offset);
    group.cookies.push_back(MakeSiteCookie(site, slot_));
    ++site_count_;
    if (site.cost == profile::CostClass::kSingleStepped) ++single_stepped_site_count_;
  }
  for (const auto& [key, group] : groups) {
    RETURN_IF_ERROR(AttachProgram(key.second, fd, group.offsets, group.cookies));
  }
  return absl::OkStatus();
}

absl::Status LibbpfAttachment::AttachProgram(bpf_program* program, int fd,
                                             const std::vector<unsigned long>& offsets,
                                             const std::vector<uint64_t>& cookies) {
  // The descriptor, not the path: it is the file whose bytes were compared.
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  if (object_.uprobe_multi()) {
    bpf_uprobe_multi_opts options{};
    options.sz = sizeof(options);
    options.offsets = offsets.data();
    options.cookies = reinterpret_cast<const __u64*>(cookies.data());
    options.cnt = offsets.size();
    bpf_link* const link =
        bpf_program__attach_uprobe_multi(program, -1, path.c_str(), nullptr, &options);
    return links_.Add(link) ? absl::OkStatus() : AttachError(errno);
  }
  for (size_t i = 0; i < offsets.size(); ++i) {
    bpf_uprobe_opts options{};
    options.sz = sizeof(options);
    options.bpf_cookie = cookies[i];
    bpf_link* const link =
        bpf_program__attach_uprobe_opts(program, -1, path.c_str(), offsets[i], &options);
    if (!links_.Add(link)) return AttachError(errno);
  }
  return absl::OkStatus();
}

// Starts first (they were attached last), so that few requests begin that cannot end; what does is
// removed with the slot.
void LibbpfAttachment::BeginDetach() {
  constexpr std::chrono::microseconds kLookEvery(200);
  BreakpointWatch breakpoints(file_.get(), breakpoints_);
  links_.BeginClose();
  if (!breakpoints.sees_any()) {
    links_.Close();
    return;
  }
  while (!breakpoints.AllGone() && !links_.is_closed()) std::this_thread::sleep_for(kLookEvery);
}

void LibbpfAttachment::Detach() {
  links_.Close();
  forgotten_.ForgetSlot(slot_);
}

LibbpfAttachment::~LibbpfAttachment() {
  Detach();
  const BpfMaps& maps = object_.maps();
  metrics_.RemoveSlot(slot_);
  if (is_stitched_) std::atomic_ref<uint64_t>(*maps.stitched_slots).fetch_sub(1);
  if (const absl::Status removed = WriteSpanLimits({}, 1); !removed.ok()) {
    spdlog::warn("cannot remove the limits of a slot slot={}: {}", slot_, MessageOf(removed));
  }
  for (const uint32_t pid : scoped_pids_) {
    const up_scope_key key{.slot = slot_, .tgid = pid};
    if (bpf_map_delete_elem(maps.scoped_processes, &key) != 0) {
      spdlog::warn("cannot remove a process from the scope map slot={} pid={}", slot_, pid);
    }
  }
  slots_.Free(slot_);
}

up_counters LibbpfAttachment::counters() const {
  std::vector<up_counters> per_cpu(static_cast<size_t>(libbpf_num_possible_cpus()));
  up_counters sum{};
  if (bpf_map_lookup_elem(object_.maps().counters, &slot_, per_cpu.data()) != 0) {
    spdlog::warn("cannot read the counters of a slot slot={}", slot_);
    return sum;
  }
  for (const up_counters& cpu : per_cpu) {
    for (size_t i = 0; i < UP_COUNTER_COUNT; ++i) sum.value[i] += cpu.value[i];
  }
  forgotten_.AddTo(slot_, sum);
  return sum;
}

}  // namespace uprobed::probe
