#ifndef UPROBED_TESTS_UNIT_CONTROL_CONTROLLER_FIXTURE_H_
#define UPROBED_TESTS_UNIT_CONTROL_CONTROLLER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/base/errors.h"
#include "server/control/probe_controller.h"
#include "tests/support/fake_probe_backend.h"
#include "tests/support/targets.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/control/fake_proc.h"

namespace uprobed::control {

// A controller with a fake kernel, a fake /proc, a real store in memory and real Go binaries. Its
// thread never wakes by itself: tests reconcile when they want to.
class ControllerTest : public ::testing::Test {
 protected:
  static constexpr const char* kBootId = "boot-1";

  void SetUp() override {
    targets_ = testing::AvailableTargets("hello");
    std::erase_if(targets_, [](const testing::TargetProgram& target) { return target.stripped; });
    if (targets_.size() < 2) GTEST_SKIP() << "no Go programs: run scripts/build_targets";
    auto store = store::Store::Open(":memory:", 1);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    catalog_ = std::make_unique<ProfileCatalog>(*store_, proc_.root());
    directory_ = std::make_unique<EventDirectory>(proc_.root());
    Restart();
  }

  // A new controller on the same store, as after a restart of the daemon.
  void Restart() {
    controller_.reset();
    MakeController();
    ASSERT_TRUE(controller_->Start().ok());
  }
  void MakeController() {
    ProbeController::Options options;
    options.proc_root = proc_.root();
    options.boot_id = boot_id_;
    options.reconcile_period = std::chrono::hours(1);
    options.on_service = [this](uint64_t, const std::string& authority,
                                const std::string& service) {
      services_.emplace_back(authority, service);
    };
    options.unix_nanos = [this] { return unix_ns_; };
    options.monotonic_nanos = [this] { return monotonic_ns_; };
    controller_ = std::make_unique<ProbeController>(*store_, *catalog_, backend_, *directory_,
                                                    std::move(options));
  }

  // A copy of a Go server, of the oldest release (0) or a later one, that tests may change.
  std::string Binary(const std::string& name, size_t release = 0) {
    const std::string path = dir_.File(name);
    const std::filesystem::path& source =
        targets_.at(targets_.size() - 2 + std::min<size_t>(release, 1)).path;
    std::filesystem::copy_file(source, path, std::filesystem::copy_options::overwrite_existing);
    return path;
  }
  // Another file takes the name, as an upgrade does it; the old one lives on under the result.
  std::string Replace(const std::string& path, size_t release = 1) {
    const std::string old = path + ".old";
    std::filesystem::create_hard_link(path, old);
    std::filesystem::rename(Binary("upgrade", release), path);
    return old;
  }

  static store::ProbeRecord Record(const std::string& id, const std::string& path) {
    store::ProbeRecord record;
    record.id = id;
    record.spec.binary_path = path;
    return record;
  }
  static store::ProbeRecord PidRecord(const std::string& id, uint32_t pid) {
    store::ProbeRecord record;
    record.id = id;
    record.spec.pid = pid;
    return record;
  }
  absl::StatusOr<Probe> Create(store::ProbeRecord record, CreateOptions options = {}) {
    return controller_->Create(std::move(record), options);
  }
  // Why the probe was refused, after making sure that nothing is left of it.
  std::string Refusal(store::ProbeRecord record, CreateOptions options = {}) {
    const size_t stored = store_->ListProbes()->size();
    const int attempts = backend_.attempts();
    const absl::StatusOr<Probe> created = Create(std::move(record), options);
    EXPECT_EQ(store_->ListProbes()->size(), stored);
    EXPECT_EQ(backend_.attempts(), attempts);
    EXPECT_EQ(controller_->List("", 1000).size(), stored);
    return created.ok() ? "OK" : ReasonOf(created.status());
  }
  ProbeStatus StatusOf(const std::string& id) {
    const absl::StatusOr<Probe> probe = controller_->Get(id);
    EXPECT_TRUE(probe.ok()) << probe.status();
    return probe.ok() ? probe->status : ProbeStatus{};
  }
  ProbeStatus Reconciled(const std::string& id) {
    controller_->ReconcileNow();
    return StatusOf(id);
  }

  testing::TempDir dir_;
  testing::FakeProc proc_;
  testing::FakeProbeBackend backend_;
  std::vector<testing::TargetProgram> targets_;
  std::string boot_id_ = kBootId;
  int64_t unix_ns_ = 1'000'000'000'000;
  uint64_t monotonic_ns_ = 1'000'000'000;
  std::vector<std::pair<std::string, std::string>> services_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<ProfileCatalog> catalog_;
  std::unique_ptr<EventDirectory> directory_;
  std::unique_ptr<ProbeController> controller_;
};

}  // namespace uprobed::control

#endif  // UPROBED_TESTS_UNIT_CONTROL_CONTROLLER_FIXTURE_H_
