#include "server/rpc/field_mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/errors.h"
#include "uprobed/v1/probe.pb.h"

namespace uprobed::rpc {
namespace {

using ::testing::ElementsAre;

google::protobuf::FieldMask Mask(const std::vector<std::string>& paths) {
  google::protobuf::FieldMask mask;
  for (const std::string& path : paths) mask.add_paths(path);
  return mask;
}

absl::Status CheckRead(const std::vector<std::string>& paths) {
  return CheckReadMask(Mask(paths), *v1::Probe::descriptor());
}

TEST(ReadMask, TakesPathsOfTheMessage) {
  EXPECT_TRUE(CheckRead({}).ok());
  EXPECT_TRUE(CheckRead({"*"}).ok());
  EXPECT_TRUE(CheckRead({"name", "spec.binary_path", "status.error.reason", "labels"}).ok());
}

TEST(ReadMask, NamesThePathThatIsWrong) {
  for (const std::string wrong : {"", "nothing", "spec.nothing", "name.x", "labels.x", "spec.",
                                  ".spec", "spec..pid", "Name"}) {
    const absl::Status status = CheckRead({"name", wrong});
    EXPECT_EQ(ReasonOf(status), "FIELD_MASK_INVALID") << wrong;
    EXPECT_EQ(MetadataOf(status)["path"], wrong);
    EXPECT_EQ(MetadataOf(status)["field"], "read_mask");
  }
}

TEST(ReadMask, KeepsOnlyWhatIsAskedFor) {
  v1::Probe probe;
  probe.set_name("probes/shop");
  probe.set_uid("1");
  probe.mutable_spec()->set_binary_path("/shop");
  probe.mutable_spec()->set_service_name("shop");

  ApplyReadMask(Mask({"name", "spec.service_name"}), probe);

  EXPECT_EQ(probe.name(), "probes/shop");
  EXPECT_EQ(probe.spec().service_name(), "shop");
  EXPECT_EQ(probe.uid(), "");
  EXPECT_FALSE(probe.spec().has_binary_path());
}

TEST(ReadMask, KeepsAllWithoutPathsAndWithAStar) {
  for (const auto& paths : {std::vector<std::string>{}, std::vector<std::string>{"name", "*"}}) {
    v1::Probe probe;
    probe.set_uid("1");
    ApplyReadMask(Mask(paths), probe);
    EXPECT_EQ(probe.uid(), "1");
  }
}

TEST(ReadMask, SaysWhetherAFieldIsRead) {
  EXPECT_TRUE(Reads(Mask({}), "spec"));
  EXPECT_TRUE(Reads(Mask({"spec.pid"}), "spec"));
  EXPECT_TRUE(Reads(Mask({"spec"}), "spec"));
  EXPECT_FALSE(Reads(Mask({"specific", "name"}), "spec"));
}

TEST(UpdateMask, MeansAllWhereItIsEmptyOrAStar) {
  const std::set<std::string> updatable = {"labels", "spec.pid"};
  EXPECT_EQ(*ParseUpdateMask(Mask({}), updatable), updatable);
  EXPECT_EQ(*ParseUpdateMask(Mask({"labels", "*"}), updatable), updatable);
}

TEST(UpdateMask, TakesAParentForItsChildren) {
  const std::set<std::string> updatable = {"labels", "spec.enabled", "spec.pid"};
  EXPECT_THAT(*ParseUpdateMask(Mask({"spec"}), updatable), ElementsAre("spec.enabled", "spec.pid"));
  EXPECT_THAT(*ParseUpdateMask(Mask({"labels"}), updatable), ElementsAre("labels"));
}

TEST(UpdateMask, NamesThePathThatCannotBeUpdated) {
  for (const std::string wrong : {"", "uid", "status", "spec.", "spec.nothing", "spe"}) {
    const absl::Status status = ParseUpdateMask(Mask({wrong}), {"spec.pid"}).status();
    EXPECT_EQ(ReasonOf(status), "FIELD_MASK_INVALID") << wrong;
    EXPECT_EQ(MetadataOf(status)["path"], wrong);
  }
}

}  // namespace
}  // namespace uprobed::rpc
