#include "server/probe/bpf_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/base/errors.h"
#include "server/probe/kernel_features.h"
#include "uprobed.skel.h"

namespace uprobed::probe {
namespace {

absl::Status InjectionUnavailable(std::string_view cause) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INJECTION_UNAVAILABLE",
                   fmt::format("{}: take inject_traceparent back", cause));
}

absl::Status Refused(ProgramGroup group, int error_number) {
  if (group != ProgramGroup::kInjection) return LoadError(error_number);
  // EINVAL is what a kernel says that is locked down: it knows no such helper then.
  return InjectionUnavailable(
      fmt::format("the kernel refused the programs that write into the memory of "
                  "others ({}), as one does that is locked down",
                  std::strerror(error_number)));
}

// Instead of maps of its own, those of the other object; its constants and variables are maps, too.
int ShareMaps(const uprobed_bpf& from, const uprobed_bpf& skeleton) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton.obj) {
    const bpf_map* shared = bpf_object__find_map_by_name(from.obj, bpf_map__name(map));
    const int error = shared == nullptr ? -ENOENT : bpf_map__reuse_fd(map, bpf_map__fd(shared));
    if (error != 0) return error;
  }
  return 0;
}

}  // namespace

BpfPrograms::BpfPrograms(const BpfObject& object) : object_(object) {}
BpfPrograms::~BpfPrograms() = default;

absl::StatusOr<bpf_program*> BpfPrograms::Get(profile::SiteKind kind) {
  const SiteProgram wanted = ProgramOf(kind);
  if (wanted.name == nullptr) {
    return MakeError(absl::StatusCode::kInternal, "PROGRAM_NOT_FOUND",
                     "a site of the profile has no program in the kernel; this is a defect of the "
                     "daemon: please report it with the profile");
  }
  const absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const uprobed_bpf* skeleton, Group(wanted.group));
  bpf_program* program = bpf_object__find_program_by_name(skeleton->obj, wanted.name);
  if (program == nullptr) {
    return MakeError(absl::StatusCode::kInternal, "PROGRAM_NOT_FOUND",
                     fmt::format("the daemon has no program {} for the kernel; this is a defect of "
                                 "its build: please report it",
                                 wanted.name));
  }
  return program;
}

std::map<std::string, int> BpfPrograms::Loaded() const {
  std::map<std::string, int> programs;
  const auto add = [&programs](const uprobed_bpf* skeleton) {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton->obj) {
      const int fd = bpf_program__fd(program);
      if (fd >= 0) programs.emplace(bpf_program__name(program), fd);
    }
  };
  add(&object_.skeleton());
  const absl::MutexLock lock(&mutex_);
  for (const BpfSkeleton& loaded : loaded_) {
    if (loaded != nullptr) add(loaded.get());
  }
  return programs;
}

absl::StatusOr<const uprobed_bpf*> BpfPrograms::Group(ProgramGroup group) {
  if (group == ProgramGroup::kHttp) return &object_.skeleton();
  BpfSkeleton& loaded = loaded_[static_cast<size_t>(group)];
  if (loaded != nullptr) return loaded.get();
  if (group == ProgramGroup::kInjection) {
    const std::optional<std::string> obstacle = InjectionObstacle();
    if (obstacle.has_value()) return InjectionUnavailable(*obstacle);
  }
  BpfSkeleton skeleton(uprobed_bpf::open());
  if (skeleton == nullptr) return Refused(group, errno);
  ChoosePrograms(*skeleton, group, object_.uprobe_multi());
  int error = ShareMaps(object_.skeleton(), *skeleton);
  if (error == 0) error = uprobed_bpf::load(skeleton.get());
  if (error != 0) return Refused(group, -error);
  loaded = std::move(skeleton);
  return loaded.get();
}

}  // namespace uprobed::probe
