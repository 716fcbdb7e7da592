#include "server/control/event_directory.h"

#include <sys/stat.h>

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
  checks_.insert_or_assign(slot, span::LiveCheck(corroborated));
  std::shared_ptr<uint64_t>& spans = spans_[binding.probe_id];
  if (spans == nullptr) spans = std::make_shared<uint64_t>(0);
  bindings_.insert_or_assign(slot, Bound{.binding = std::move(binding), .spans = spans});
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
  if (bound != bindings_.end()) bound->second.binding.service_name = service_name;
  ForgetAnswers();
}

void EventDirectory::ForgetFunctions() {
  const absl::MutexLock lock(&mutex_);
  ForgetAnswers();  // which hold the names, too
  for (auto& [slot, bound] : bindings_) {
    std::shared_ptr<const span::FunctionNames>& names = bound.binding.function_names;
    const bool is_released = names.use_count() == 1;
    if (is_released && !released_.insert(slot).second) {
      names.reset();
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
    binding = bound->second.binding;
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
  const auto source = std::make_shared<const span::EventSource>(span::EventSource{
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

void EventDirectory::CountSpan(uint32_t slot) {
  const absl::MutexLock lock(&mutex_);
  if (const auto bound = bindings_.find(slot); bound != bindings_.end()) {
    ++*bound->second.spans;
  }
}

uint64_t EventDirectory::Spans(const std::string& probe_id) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = spans_.find(probe_id);
  return found == spans_.end() ? 0 : *found->second;
}

void EventDirectory::ForgetSpans(const std::string& probe_id) {
  const absl::MutexLock lock(&mutex_);
  spans_.erase(probe_id);
}

}  // namespace uprobed::control
