#ifndef UPROBED_SERVER_CONTROL_SERVICE_DIRECTORY_H_
#define UPROBED_SERVER_CONTROL_SERVICE_DIRECTORY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace uprobed::control {

// Tells the topology which service answers at which address, from the sockets that the processes of
// the probes listen on. Thread: one at a time.
class ServiceDirectory {
 public:
  // (network namespace, "127.0.0.1:8080", "shop"); an empty name: nobody of ours listens any more.
  using Listener = std::function<void(uint64_t, const std::string&, const std::string&)>;

  struct Process {
    uint32_t pid = 0;
    std::string service_name;  // of the probe; empty: by process
    std::string binary_path;
  };

  // `on_service` may be empty: nothing is read then.
  ServiceDirectory(std::string proc_root, Listener on_service);

  // Reads the sockets of `processes` and announces each address whose service is new, another or
  // gone.
  void Update(const std::vector<Process>& processes);
  // The same for processes that are new, without a look at those that were there before.
  void Add(const std::vector<Process>& processes);

 private:
  // The service at each {network namespace, address}.
  using Services = std::map<std::pair<uint64_t, std::string>, std::string>;

  Services Read(const std::vector<Process>& processes) const;
  void AnnounceNew(const Services& present) const;

  const std::string proc_root_;
  const Listener on_service_;
  Services announced_;
};

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_SERVICE_DIRECTORY_H_
