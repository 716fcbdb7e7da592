#include "server/control/event_directory.h"

#include <sys/stat.h>

#include <cstring>
#include <optional>
#include <utility>

#include "server/control/proc_file.h"
#include "server/control/service_name.h"

namespace uprobed::control {
namespace {

// A pid is not reused within this time, because the kernel hands them out in turn.
constexpr uint64_t kMaxAgeNs = 10'000'000'000;
// Processes come and go; those without events for as long as kForgetNs are not kept.
constexpr size_t kSweepAbove = 1024;
constexpr uint64_t kForgetNs = 60'000'000'000;

uint64_t KeyOf(uint32_t slot, uint32_t pid) { return uint64_t{slot} << 32U | pid; }

}  // namespace

void EventDirectory::Bind(uint32_t slot, Binding binding,
                          const std::set<std::string, std::less<>>& corroborated) {
  const absl::MutexLock lock(&mutex_);
  slot_deliveries_[slot] = std::make_shared<Deliveries>();
  checks_.insert_or_assign(slot, span::LiveCheck(corroborated));
  bindings_.insert_or_assign(slot, std::move(binding));
  released_.erase(slot);
  ForgetAnswers();
}

void EventDirectory::ForgetAnswers() {
  answers_.clear();
  ++changes_;
}

void EventDirectory::SetServiceName(uint32_t slot, const std::string& service_name) {
  const absl::MutexLock lock(&mutex_);
  const auto bound = bindings_.find(slot);
  if (bound != bindings_.end()) bound->second.service_name = service_name;
  ForgetAnswers();
}

void EventDirectory::ForgetFunctions() {
  const absl::MutexLock lock(&mutex_);
  ForgetAnswers();  // which hold the names, too
  for (auto& [slot, binding] : bindings_) {
    const bool is_released = binding.function_names.use_count() == 1;
    if (is_released && !released_.insert(slot).second) {
      binding.function_names.reset();
      released_.erase(slot);
    }
  }
}

void EventDirectory::Check(up_http_event& event) {
  const absl::MutexLock lock(&mutex_);
  const auto found = checks_.find(event.slot);
  if (found != checks_.end()) found->second.Check(event);
}

std::vector<span::FieldFinding> EventDirectory::Findings(uint32_t slot) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = checks_.find(slot);
  return found == checks_.end() ? std::vector<span::FieldFinding>() : found->second.Findings();
}

std::shared_ptr<const span::EventSource> EventDirectory::Find(uint32_t slot, uint32_t pid,
                                                              uint64_t now_monotonic_ns) {
  const uint64_t key = KeyOf(slot, pid);
  Binding binding;
  std::optional<Process> known;
  uint64_t changes = 0;
  {
    const absl::MutexLock lock(&mutex_);
    const auto answer = answers_.find(key);
    if (answer != answers_.end() &&
        now_monotonic_ns <= answer->second.read_monotonic_ns + kMaxAgeNs) {
      return answer->second.source;
    }
    const auto bound = bindings_.find(slot);
    if (bound == bindings_.end()) return nullptr;
    binding = bound->second;
    changes = changes_;
    if (const auto found = processes_.find(pid); found != processes_.end()) known = found->second;
  }
  if (!known.has_value() || now_monotonic_ns > known->read_monotonic_ns + kMaxAgeNs) {
    known = ReadProcess(pid, now_monotonic_ns, known);
    const absl::MutexLock lock(&mutex_);
    processes_[pid] = *known;
    if (processes_.size() > kSweepAbove) {
      std::erase_if(processes_, [now_monotonic_ns](const auto& entry) {
        return now_monotonic_ns > entry.second.read_monotonic_ns + kForgetNs;
      });
    }
  }
  auto source = std::make_shared<const span::EventSource>(span::EventSource{
      .probe = std::move(binding.probe_id),
      .service_name =
          ChooseServiceName(binding.service_name, known->service_name, binding.binary_path),
      .binary_path = std::move(binding.binary_path),
      .network_namespace = known->network_namespace,
      .capture_query = binding.capture_query,
      .error_methods = std::move(binding.error_methods),
      .derived_routes = std::move(binding.derived_routes),
      .function_names = std::move(binding.function_names)});
  const absl::MutexLock lock(&mutex_);
  if (answers_.size() > kSweepAbove) answers_.clear();
  if (changes == changes_) {
    answers_.insert_or_assign(
        key, Answer{.source = source, .read_monotonic_ns = known->read_monotonic_ns});
  }
  return source;
}

EventDirectory::Process EventDirectory::ReadProcess(uint32_t pid, uint64_t now_monotonic_ns,
                                                    const std::optional<Process>& known) const {
  const std::optional<std::string> environment =
      ReadSmallFile(ProcPath(proc_root_, pid, "environ"));
  Process process = known.value_or(Process{});  // events of a process that has ended still come
  process.read_monotonic_ns = now_monotonic_ns;
  if (!environment.has_value()) return process;
  process.service_name = ServiceNameFromEnvironment(*environment);
  struct stat status {};
  if (stat(ProcPath(proc_root_, pid, "ns/net").c_str(), &status) == 0) {
    process.network_namespace = status.st_ino;
  }
  return process;
}

void EventDirectory::Admit(uint32_t slot) {
  const absl::MutexLock lock(&mutex_);
  const auto bound = bindings_.find(slot);
  if (bound == bindings_.end()) return;
  std::shared_ptr<Deliveries>& of_probe = deliveries_[bound->second.probe_id];
  if (of_probe == nullptr) of_probe = std::make_shared<Deliveries>();
  std::shared_ptr<Deliveries>& of_slot = slot_deliveries_[slot];
  if (of_slot == of_probe) return;
  of_probe->spans += of_slot->spans;
  of_probe->malformed += of_slot->malformed;
  of_slot = of_probe;
}

void EventDirectory::CountSpan(uint32_t slot) {
  const absl::MutexLock lock(&mutex_);
  const auto found = slot_deliveries_.find(slot);
  if (found != slot_deliveries_.end()) ++found->second->spans;
}

void EventDirectory::CountMalformed(std::span<const std::byte> record) {
  uint32_t slot = 0;
  constexpr size_t kSlotOffset = offsetof(up_http_record, slot);
  if (record.size() < kSlotOffset + sizeof(slot)) return;
  std::memcpy(&slot, record.data() + kSlotOffset, sizeof(slot));
  const absl::MutexLock lock(&mutex_);
  const auto found = slot_deliveries_.find(slot);
  if (found != slot_deliveries_.end()) ++found->second->malformed;
}

EventDirectory::Deliveries EventDirectory::DeliveriesOf(const std::string& probe_id) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = deliveries_.find(probe_id);
  return found == deliveries_.end() ? Deliveries{} : *found->second;
}

void EventDirectory::ForgetSpans(const std::string& probe_id) {
  const absl::MutexLock lock(&mutex_);
  deliveries_.erase(probe_id);
}

}  // namespace uprobed::control
