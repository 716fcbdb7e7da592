#include "server/probe/injection_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "server/base/errors.h"
#include "server/probe/kernel_features.h"
#include "server/probe/uprobe_multi.h"
#include "uprobed.skel.h"

namespace uprobed::probe {
namespace {

absl::Status Unavailable(std::string_view cause) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "INJECTION_UNAVAILABLE",
                   fmt::format("{}: take inject_traceparent back", cause));
}

// EINVAL is what a kernel says that is locked down: it knows no such helper then.
absl::Status Refused(int error_number) {
  return Unavailable(
      fmt::format("the kernel refused the programs that write into the memory of "
                  "others ({}), as one does that is locked down",
                  std::strerror(error_number)));
}

// Instead of maps of its own, those of the other object; its constants and variables are maps, too.
absl::Status ShareMaps(const uprobed_bpf& from, const uprobed_bpf& skeleton) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton.obj) {
    const bpf_map* shared = bpf_object__find_map_by_name(from.obj, bpf_map__name(map));
    const int error = shared == nullptr ? -ENOENT : bpf_map__reuse_fd(map, bpf_map__fd(shared));
    if (error != 0) return Refused(-error);
  }
  return absl::OkStatus();
}

}  // namespace

InjectionObject::~InjectionObject() { uprobed_bpf::destroy(skeleton_); }

bpf_program* InjectionObject::client_headers() const { return skeleton_->progs.client_headers; }
bpf_program* InjectionObject::http2_client_headers() const {
  return skeleton_->progs.http2_client_headers;
}

absl::StatusOr<std::unique_ptr<InjectionObject>> InjectionObject::Load(const BpfObject& object) {
  if (const std::optional<std::string> obstacle = InjectionObstacle())
    return Unavailable(*obstacle);
  uprobed_bpf* skeleton = uprobed_bpf::open();
  if (skeleton == nullptr) return Refused(errno);
  std::unique_ptr<InjectionObject> injection(new InjectionObject(skeleton));
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) bpf_program__set_autoload(program, false);
  for (bpf_program* injecting : {injection->client_headers(), injection->http2_client_headers()}) {
    bpf_program__set_autoload(injecting, true);
    if (object.uprobe_multi()) bpf_program__set_expected_attach_type(injecting, kTraceUprobeMulti);
  }
  RETURN_IF_ERROR(ShareMaps(object.skeleton(), *skeleton));
  if (const int error = uprobed_bpf::load(skeleton); error != 0) return Refused(-error);
  return injection;
}

absl::StatusOr<std::shared_ptr<const InjectionObject>> InjectionPrograms::Get(
    const BpfObject& object) {
  const absl::MutexLock lock(&mutex_);
  std::shared_ptr<const InjectionObject> loaded = loaded_.lock();
  if (loaded != nullptr) return loaded;
  ASSIGN_OR_RETURN(loaded, InjectionObject::Load(object));
  loaded_ = loaded;
  return loaded;
}

}  // namespace uprobed::probe
