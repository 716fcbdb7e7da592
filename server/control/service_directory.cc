#include "server/control/service_directory.h"

#include <optional>

#include "server/control/listening_sockets.h"
#include "server/control/proc_file.h"
#include "server/control/service_name.h"

namespace uprobed::control {

ServiceDirectory::ServiceDirectory(std::string proc_root, Listener on_service)
    : proc_root_(std::move(proc_root)), on_service_(std::move(on_service)) {}

void ServiceDirectory::Update(const std::vector<Process>& processes) {
  if (!on_service_) return;
  Services present = Read(processes);
  AnnounceNew(present);
  // The port may be another program's next time: what is not known is told as an address.
  for (const auto& [address, name] : announced_) {
    if (present.count(address) == 0) on_service_(address.first, address.second, "");
  }
  announced_ = std::move(present);
}

void ServiceDirectory::Add(const std::vector<Process>& processes) {
  if (!on_service_ || processes.empty()) return;
  const Services added = Read(processes);
  AnnounceNew(added);
  for (const auto& [address, name] : added) announced_.insert_or_assign(address, name);
}

ServiceDirectory::Services ServiceDirectory::Read(const std::vector<Process>& processes) const {
  ListeningSockets sockets(proc_root_);
  Services present;
  for (const Process& process : processes) {
    const std::vector<ListeningAddress> addresses = sockets.Of(process.pid);
    if (addresses.empty()) continue;
    const std::optional<std::string> environment =
        ReadSmallFile(ProcPath(proc_root_, process.pid, "environ"));
    const std::string name = ChooseServiceName(process.service_name,
                                               ServiceNameFromEnvironment(environment.value_or("")),
                                               process.binary_path);
    for (const ListeningAddress& address : addresses) {
      present.emplace(std::pair(address.network_namespace, address.authority), name);
    }
  }
  return present;
}

void ServiceDirectory::AnnounceNew(const Services& present) const {
  for (const auto& [address, name] : present) {
    const auto known = announced_.find(address);
    if (known != announced_.end() && known->second == name) continue;
    on_service_(address.first, address.second, name);
  }
}

}  // namespace uprobed::control
