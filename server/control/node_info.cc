#include "server/control/node_info.h"

#include <sys/utsname.h>

#include <utility>

#include "server/base/errors.h"
#include "server/control/proc_file.h"

namespace uprobed::control {
namespace {

// The names that Go has for architectures, which profiles use.
std::string ArchitectureName(const std::string& machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return machine;
}

Condition FromStatus(std::string type, const absl::Status& status) {
  Condition condition{.type = std::move(type), .ok = status.ok(), .reason = {}, .message = {}};
  if (!status.ok()) {
    condition.reason = ReasonOf(status);
    condition.message = std::string(status.message());
  }
  return condition;
}

Condition StoreCondition(store::Store& store) {
  Condition condition = FromStatus("StoreReady", store.CheckIntegrity());
  if (condition.ok && !store.quarantined().empty()) {
    condition.ok = false;
    condition.reason = "STORE_QUARANTINED";
    condition.message = "the database was damaged and is kept as " + store.quarantined() +
                        ": create the probes again, then restart the daemon";
  }
  return condition;
}

}  // namespace

std::string ReadBootId(const std::string& proc_root) {
  std::string id = ReadSmallFile(proc_root + "/sys/kernel/random/boot_id").value_or("");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

NodeInfo DescribeNode(const NodeSources& sources) {
  NodeInfo node;
  node.version = UPROBED_VERSION;
  utsname kernel{};
  if (uname(&kernel) == 0) {
    node.kernel_release = kernel.release;
    node.architecture = ArchitectureName(kernel.machine);
    node.hostname = kernel.nodename;
  }
  node.boot_id = ReadBootId(sources.proc_root);
  node.libbpf_version = sources.libbpf_version;
  node.sqlite_version = sources.sqlite_version;
  node.store_schema_version = sources.store.stats().schema_version;
  node.start_time_unix_ns = sources.start_time_unix_ns;
  node.features = sources.backend.Features();
  node.conditions = CheckConditions(sources);
  return node;
}

std::vector<Condition> CheckConditions(const NodeSources& sources) {
  std::vector<Condition> conditions;
  conditions.push_back(FromStatus("KernelReady", sources.backend.Available()));
  conditions.push_back(StoreCondition(sources.store));
  Condition reconciled{
      .type = "Reconciled", .ok = sources.controller.Reconciled(), .reason = {}, .message = {}};
  if (!reconciled.ok) {
    reconciled.reason = "RECONCILE_PENDING";
    reconciled.message = "the stored probes are being attached: wait";
  }
  conditions.push_back(std::move(reconciled));
  return conditions;
}

}  // namespace uprobed::control
