#ifndef UPROBED_SERVER_CONTROL_NODE_INFO_H_
#define UPROBED_SERVER_CONTROL_NODE_INFO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "server/control/node.h"
#include "server/control/probe_controller.h"
#include "server/probe/probe_backend.h"
#include "server/store/store.h"

namespace uprobed::control {

// What a description of the node is made from. The references outlive it.
struct NodeSources {
  const probe::ProbeBackend& backend;
  store::Store& store;
  const ProbeController& controller;
  std::string proc_root = "/proc";
  std::string libbpf_version;  // as the library says
  std::string sqlite_version;  // as the library says
  int64_t start_time_unix_ns = 0;
};

// The id of this boot, from /proc/sys/kernel/random/boot_id; empty where that cannot be read.
std::string ReadBootId(const std::string& proc_root);

// Thread-safe.
NodeInfo DescribeNode(const NodeSources& sources);

// KernelReady, StoreReady, Reconciled. Thread-safe.
std::vector<Condition> CheckConditions(const NodeSources& sources);

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_NODE_INFO_H_
