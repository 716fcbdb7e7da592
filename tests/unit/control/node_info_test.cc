#include "server/control/node_info.h"

#include <gtest/gtest.h>

#include "server/base/errors.h"
#include "tests/support/fake_probe_backend.h"
#include "tests/support/temp_dir.h"

namespace uprobed::control {
namespace {

using uprobed::testing::FakeProbeBackend;
using uprobed::testing::TempDir;

class NodeInfoTest : public ::testing::Test {
 protected:
  void Open(const std::string& path) {
    auto store = store::Store::Open(path, 1);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    catalog_ = std::make_unique<ProfileCatalog>(*store_);
    controller_ = std::make_unique<ProbeController>(*store_, *catalog_, backend_, directory_,
                                                    ProbeController::Options{});
  }
  NodeSources Sources() {
    return {.backend = backend_,
            .store = *store_,
            .controller = *controller_,
            .proc_root = "/proc",
            .libbpf_version = "v1.4",
            .sqlite_version = "3.40.1",
            .start_time_unix_ns = 42};
  }
  Condition Find(const std::string& type) {
    for (const Condition& condition : CheckConditions(Sources())) {
      if (condition.type == type) return condition;
    }
    ADD_FAILURE() << "no condition " << type;
    return {};
  }

  TempDir dir_;
  FakeProbeBackend backend_;
  EventDirectory directory_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<ProfileCatalog> catalog_;
  std::unique_ptr<ProbeController> controller_;
};

TEST_F(NodeInfoTest, DescribesTheMachine) {
  Open(":memory:");
  backend_.SetFeatures({{.name = "btf", .available = true, .required = true, .detail = "found"}});

  const NodeInfo node = DescribeNode(Sources());

  EXPECT_EQ(node.version, UPROBED_VERSION);
  EXPECT_FALSE(node.kernel_release.empty());
  EXPECT_FALSE(node.hostname.empty());
  EXPECT_EQ(node.boot_id, ReadBootId("/proc"));
  EXPECT_EQ(node.libbpf_version, "v1.4");
  EXPECT_EQ(node.sqlite_version, "3.40.1");
  EXPECT_EQ(node.store_schema_version, store_->stats().schema_version);
  EXPECT_EQ(node.start_time_unix_ns, 42);
  ASSERT_EQ(node.features.size(), 1u);
  EXPECT_EQ(node.conditions.size(), 3u);
#if defined(__x86_64__)
  EXPECT_EQ(node.architecture, "amd64");
#endif
}

TEST_F(NodeInfoTest, ReadsTheBootIdWithoutItsLineEnd) {
  std::filesystem::create_directories(dir_.path() / "sys/kernel/random");
  dir_.Write("sys/kernel/random/boot_id", "abc-def\n");
  EXPECT_EQ(ReadBootId(dir_.path().string()), "abc-def");
  EXPECT_EQ(ReadBootId("/nonexistent"), "");
}

TEST_F(NodeInfoTest, KernelReadySaysWhatIsMissing) {
  Open(":memory:");
  EXPECT_TRUE(Find("KernelReady").ok);
  backend_.SetAvailable(
      MakeError(absl::StatusCode::kFailedPrecondition, "DAEMON_CAPS_MISSING", "give it CAP_BPF"));
  const Condition condition = Find("KernelReady");
  EXPECT_FALSE(condition.ok);
  EXPECT_EQ(condition.reason, "DAEMON_CAPS_MISSING");
  EXPECT_EQ(condition.message, "give it CAP_BPF");
}

TEST_F(NodeInfoTest, StoreReadySaysThatADamagedDatabaseWasSetAside) {
  Open(dir_.File("sound.db"));
  EXPECT_TRUE(Find("StoreReady").ok);
  controller_.reset();
  Open(dir_.Write("damaged.db", std::string(8192, '\0')));
  const Condition condition = Find("StoreReady");
  EXPECT_FALSE(condition.ok);
  EXPECT_EQ(condition.reason, "STORE_QUARANTINED");
  EXPECT_NE(condition.message.find(store_->quarantined()), std::string::npos);
}

TEST_F(NodeInfoTest, ReconciledTurnsTrueWithTheStart) {
  Open(":memory:");
  EXPECT_EQ(Find("Reconciled").reason, "RECONCILE_PENDING");
  ASSERT_TRUE(controller_->Start().ok());
  EXPECT_TRUE(Find("Reconciled").ok);
}

}  // namespace
}  // namespace uprobed::control
