#ifndef UPROBED_TESTS_KERNEL_KERNEL_FIXTURE_H_
#define UPROBED_TESTS_KERNEL_KERNEL_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/errors.h"
#include "server/control/event_directory.h"
#include "server/control/function_table.h"
#include "server/control/ledger.h"
#include "server/elf/elf_file.h"
#include "server/event_loop.h"
#include "server/probe/libbpf_backend.h"
#include "server/profile/resolver.h"
#include "server/span/span.h"
#include "tests/support/child_process.h"
#include "tests/support/targets.h"
#include "tests/support/temp_dir.h"

namespace uprobed::testing {

// A copy of a program that no other test runs: probes see every process of a file, and tests run
// side by side. There is one for each file, until the process ends. Empty where there is no such
// file.
inline std::string OwnCopy(const std::filesystem::path& program) {
  static const TempDir directory;
  const std::string copy = directory.File(program.filename().string());
  std::error_code error;
  std::filesystem::copy_file(program, copy, std::filesystem::copy_options::skip_existing, error);
  return error ? std::string() : copy;
}

// Collects what the event loop delivers.
class SpanCollector {
 public:
  void Add(const span::Span& span) {
    absl::MutexLock lock(&mutex_);
    spans_.push_back(span);
  }

  // Waits until `count` spans that `wanted` accepts are there, at most ten seconds; all those.
  std::vector<span::Span> Wait(size_t count, const std::function<bool(const span::Span&)>& wanted) {
    absl::MutexLock lock(&mutex_);
    std::vector<span::Span> found;
    size_t seen = 0;  // asked after each span: to look at all again would take the square of them
    const auto enough = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      for (; seen < spans_.size(); ++seen) {
        if (wanted(spans_[seen])) found.push_back(spans_[seen]);
      }
      return found.size() >= count;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10));
    return found;
  }

  std::vector<span::Span> All() const {
    absl::MutexLock lock(&mutex_);
    return spans_;
  }

  void Clear() {
    absl::MutexLock lock(&mutex_);
    spans_.clear();
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<span::Span> spans_ ABSL_GUARDED_BY(mutex_);
};

// A kernel with uprobed's programs and one event loop. Tests skip, and say why, where the machine
// does not let BPF programs be loaded.
class KernelTest : public ::testing::Test {
 protected:
  KernelTest() : KernelTest(SharedBackend()) {}
  // With programs and maps of its own.
  explicit KernelTest(const probe::BpfObjectOptions& options)
      : KernelTest(std::make_shared<probe::LibbpfBackend>(options)) {}

  // Of all tests of a process that want nothing special: to load the programs takes the kernel much
  // longer than most tests do. What a test attaches is gone before the next one begins, and what
  // was under way in it with it.
  static const std::shared_ptr<probe::LibbpfBackend>& SharedBackend() {
    static const auto shared = std::make_shared<probe::LibbpfBackend>();
    return shared;
  }

  explicit KernelTest(std::shared_ptr<probe::LibbpfBackend> backend)
      : own_backend_(std::move(backend)),
        backend_(*own_backend_),
        loop_(backend_, directory_, [this](const span::Span& span) { spans_.Add(span); }) {}

  void SetUp() override {
    if (const absl::Status available = backend_.Available(); !available.ok()) {
      GTEST_SKIP() << available;
    }
    backend_.SetSpansStreamed(true);  // the collector is somebody
    ASSERT_TRUE(loop_.Start().ok());
  }

  // Resolves `path` and attaches server and client, and what else is given.
  std::unique_ptr<probe::Attachment> Attach(
      const std::string& path, std::vector<uint32_t> scoped_pids = {},
      const std::vector<profile::Instrumentation>& causality = {}, bool framework_routes = false) {
    absl::StatusOr<elf::ElfFile> file = elf::ElfFile::Open(path);
    EXPECT_TRUE(file.ok()) << file.status();
    if (!file.ok()) return nullptr;
    absl::StatusOr<profile::BinaryIdentity> identity = profile::ReadIdentity(*file);
    EXPECT_TRUE(identity.ok()) << identity.status();
    absl::StatusOr<profile::Profile> profile = profile::Resolve(*file, *identity);
    EXPECT_TRUE(profile.ok()) << profile.status();
    if (!profile.ok()) return nullptr;
    probe::AttachOptions options;
    options.instrumentations.assign(std::begin(profile::kSpanInstrumentations),
                                    std::end(profile::kSpanInstrumentations));
    options.instrumentations.insert(options.instrumentations.end(), causality.begin(),
                                    causality.end());
    options.framework_routes = framework_routes;
    options.inject_traceparent = inject_traceparent_;
    options.stitch_traces = stitch_traces_;
    options.handler_function = handler_function_;
    options.scoped_pids = std::move(scoped_pids);
    options.span_limits = span_limits_;
    auto error_methods = std::make_shared<span::ErrorMethods>();
    for (const profile::ErrorMethod& method : profile->error_methods) {
      error_methods->emplace(method.address, method.name);
    }
    std::shared_ptr<const span::FunctionNames> function_names;
    if (handler_function_) {
      auto names = control::ReadFunctionTable(file->fd(), *identity);
      EXPECT_TRUE(names.ok()) << names.status();
      if (!names.ok()) return nullptr;
      function_names = *std::move(names);
    }
    options.on_slot = [this, &path, &error_methods, &function_names](uint32_t slot) {
      directory_.Bind(slot, {.probe_id = "test",
                             .binary_path = path,
                             .service_name = "hello",
                             .error_methods = error_methods,
                             .function_names = function_names});
    };
    absl::StatusOr<std::unique_ptr<probe::Attachment>> attachment =
        backend_.Attach(file->fd(), *profile, options);
    const std::string reason = attachment.ok() ? "" : ReasonOf(attachment.status());
    if ((inject_traceparent_ && reason == "INJECTION_UNAVAILABLE") ||
        (stitch_traces_ && reason == "STITCHING_UNAVAILABLE")) {
      refusal_ = attachment.status();
      return nullptr;
    }
    EXPECT_TRUE(attachment.ok()) << attachment.status();
    if (attachment.ok()) directory_.Admit((*attachment)->slot());
    ++attached_;
    return attachment.ok() ? *std::move(attachment) : nullptr;
  }

  // That every request which the attachment saw is accounted for, within ten seconds: the last ones
  // may not have ended. Also that of the ring buffer, where the attachment is the test's only one.
  void ExpectBalance(const probe::Attachment* attachment) {
    if (attachment == nullptr) return;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    int64_t kernel = 0;
    int64_t ring = 0;
    do {
      control::ProbeStatus status;
      status.counters = attachment->counters();
      const control::EventDirectory::Deliveries deliveries = directory_.DeliveriesOf("test");
      status.spans = deliveries.spans;
      status.malformed = deliveries.malformed;
      const absl::StatusOr<std::vector<uint64_t>> in_flight = backend_.InFlightBySlot();
      ASSERT_TRUE(in_flight.ok()) << in_flight.status();
      const control::Account of_kernel = control::KernelAccount(status.counters);
      const control::Account of_ring = control::RingAccount(status);
      kernel = of_kernel.entered - of_kernel.left -
               static_cast<int64_t>(in_flight->at(attachment->slot()));
      ring = attached_ == 1 ? of_ring.entered - of_ring.left : 0;
    } while ((kernel != 0 || ring != 0) && std::chrono::steady_clock::now() < deadline);
    EXPECT_EQ(kernel, 0) << "requests that began and are not accounted for";
    EXPECT_EQ(ring, 0) << "records that were written and have become no spans";
  }

  // Sends `total` requests to `url` and waits for the answers; 0 is the load generator's success.
  static int Load(const std::string& url, int total, int connections = 1,
                  const std::vector<std::string>& options = {}) {
    std::vector<std::string> command = {
        (TargetsDir() / "loadgen").string(), "-url", url, "-n", std::to_string(total), "-c",
        std::to_string(connections)};
    command.insert(command.end(), options.begin(), options.end());
    std::optional<ChildProcess> generator = ChildProcess::Start(command);
    if (!generator.has_value()) return -1;
    while (!generator->ReadLine().empty()) {
    }
    return generator->Wait();
  }

  SpanLimits span_limits_;  // of what is attached from now on
  bool inject_traceparent_ = false;
  bool stitch_traces_ = false;
  absl::Status refusal_;  // of a kernel that lets nobody inject, or look at its sockets
  bool handler_function_ = false;
  int attached_ = 0;
  const std::shared_ptr<probe::LibbpfBackend> own_backend_;
  probe::LibbpfBackend& backend_;
  control::EventDirectory directory_;
  SpanCollector spans_;
  EventLoop loop_;
};

inline bool IsServer(const span::Span& span) { return span.kind == span::Kind::kServer; }
inline bool IsClient(const span::Span& span) { return span.kind == span::Kind::kClient; }

}  // namespace uprobed::testing

#endif  // UPROBED_TESTS_KERNEL_KERNEL_FIXTURE_H_
