#include "server/profile/grpc_addresses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "server/profile/grpc_names.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint64_t kCodeBegin = 0x40'1000;
// lea 0x10(%rip),%rbx; lea 0x20(%rip),%rcx; lea -0x20(%rip),%r9
const Bytes kLea = {0x48, 0x8d, 0x1d, 0x10, 0, 0, 0};
const Bytes kOtherLea = {0x48, 0x8d, 0x0d, 0x20, 0, 0, 0};
const Bytes kLeaBack = {0x4c, 0x8d, 0x0d, 0xe0, 0xff, 0xff, 0xff};
// adrp x1,+0x3000; add x1,x1,#344; add x2,x1,#344; adrp x1,-0x1000
const Bytes kAdrp = {0x01, 0x00, 0x00, 0xf0};
const Bytes kAdrpNext = {0x01, 0x00, 0x00, 0xb0};
const Bytes kAdd = {0x21, 0x60, 0x05, 0x91};
const Bytes kAddElsewhere = {0x22, 0x60, 0x05, 0x91};
const Bytes kAdrpBack = {0xe1, 0xff, 0xff, 0xf0};
const Bytes kReturn = {0xc3};

absl::StatusOr<ControlFlow> FlowOfBytes(const std::vector<Bytes>& code) {
  std::vector<elf::Instruction> instructions;
  uint64_t address = kCodeBegin;
  for (const Bytes& bytes : code) {
    elf::Instruction instruction;
    instruction.address = address;
    instruction.size = static_cast<uint8_t>(bytes.size());
    instruction.bytes = bytes;
    instruction.text = "?";
    instruction.flow = bytes == kReturn ? elf::Flow::kReturn : elf::Flow::kNext;
    address += bytes.size();
    instructions.push_back(std::move(instruction));
  }
  return ControlFlow::Build("google.golang.org/grpc/metadata.FromIncomingContext",
                            std::move(instructions),
                            [](uint64_t) { return std::optional<std::string>(); });
}

// The nodes that load the key, where the types at `types` are those of empty structs.
std::vector<size_t> NodesThatTell(const std::vector<Bytes>& code, const std::set<uint64_t>& types) {
  const auto flow = FlowOfBytes(code);
  EXPECT_TRUE(flow.ok()) << flow.status();
  std::vector<size_t> nodes;
  for (const SitePlan& plan :
       PlanMetadataKey(*flow, [&types](uint64_t type) { return types.contains(type); })) {
    EXPECT_EQ(plan.kind, SiteKind::kGrpcMetadataKey);
    nodes.push_back(plan.node);
  }
  return nodes;
}

Profile ProfileOf(const std::vector<std::pair<uint64_t, Bytes>>& code) {
  Profile profile;
  for (const auto& [address, bytes] : code) {
    Site site;
    site.kind = SiteKind::kGrpcMetadataKey;
    site.virtual_address = address;
    site.bytes = bytes;
    profile.sites.push_back(std::move(site));
  }
  return profile;
}

TEST(GrpcAddresses, TheKeyIsTheOnlyEmptyStructThatIsLoaded) {
  const uint64_t key = kCodeBegin + 7 + 0x10;
  const uint64_t other = kCodeBegin + 14 + 0x20;
  const std::vector<Bytes> code = {kLea, kOtherLea, kReturn};

  EXPECT_EQ(NodesThatTell(code, {key}), (std::vector<size_t>{0}));
  EXPECT_EQ(NodesThatTell(code, {other}), (std::vector<size_t>{1}));
  EXPECT_TRUE(NodesThatTell(code, {key, other}).empty());
  EXPECT_TRUE(NodesThatTell(code, {}).empty());
}

TEST(GrpcAddresses, TheKeyMayBeLoadedTwice) {
  const Bytes again = {0x48, 0x8d, 0x1d, 0x09, 0, 0, 0};

  EXPECT_EQ(NodesThatTell({kLea, again, kReturn}, {kCodeBegin + 7 + 0x10}),
            (std::vector<size_t>{0}));
}

TEST(GrpcAddresses, OfArm64TheKeyIsLoadedByTwoInstructions) {
  const uint64_t key = (kCodeBegin & ~uint64_t{0xfff}) + 0x3000 + 344;
  const Bytes nop = {0x1f, 0x20, 0x03, 0xd5};

  EXPECT_EQ(NodesThatTell({nop, kAdrp, kAdd, kReturn}, {key}), (std::vector<size_t>{1, 2}));
  EXPECT_TRUE(NodesThatTell({nop, kAdrp, kAddElsewhere, kReturn}, {key}).empty());
  EXPECT_TRUE(NodesThatTell({kAdrp, nop, kAdd, kReturn}, {key}).empty());
}

TEST(GrpcAddresses, TheProfileSaysWhatItsSitesLoad) {
  EXPECT_EQ(MetadataKeyOf(ProfileOf({{kCodeBegin, kLea}})), kCodeBegin + 7 + 0x10);
  EXPECT_EQ(MetadataKeyOf(ProfileOf({{kCodeBegin, kLeaBack}})), kCodeBegin + 7 - 0x20);
  EXPECT_EQ(MetadataKeyOf(ProfileOf({{kCodeBegin, kAdrp}, {kCodeBegin + 4, kAdd}})),
            kCodeBegin + 0x3000 + 344);
  EXPECT_EQ(MetadataKeyOf(ProfileOf({{kCodeBegin, kAdrpNext}, {kCodeBegin + 4, kAdd}})),
            kCodeBegin + 0x1000 + 344);
  EXPECT_EQ(MetadataKeyOf(ProfileOf({{kCodeBegin + 8, kAdrpBack}, {kCodeBegin + 12, kAdd}})),
            kCodeBegin - 0x1000 + 344);
}

TEST(GrpcAddresses, SitesThatLoadNothingHaveNoKey) {
  EXPECT_EQ(MetadataKeyOf(Profile()), std::nullopt);
  EXPECT_EQ(MetadataKeyOf(ProfileOf({{kCodeBegin, kReturn}})), std::nullopt);
  EXPECT_EQ(MetadataKeyOf(ProfileOf({{kCodeBegin, {0x48, 0x8d, 0x5d, 0x10}}})), std::nullopt);
  EXPECT_EQ(MetadataKeyOf(ProfileOf({{kCodeBegin, kAdrp}})), std::nullopt);
  EXPECT_EQ(MetadataKeyOf(ProfileOf({{kCodeBegin, kAdrp}, {kCodeBegin + 8, kAdd}})), std::nullopt);
  EXPECT_EQ(MetadataKeyOf(ProfileOf({{kCodeBegin, kLea}, {kCodeBegin + 7, kLea}})), std::nullopt);
}

std::vector<std::filesystem::path> GrpcPrograms() {
  std::vector<std::filesystem::path> programs;
  std::error_code error;
  for (const auto& directory : {testing::TargetsDir(), testing::Arm64TargetsDir()}) {
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("grpc-") && !name.ends_with(".new")) programs.push_back(entry.path());
    }
  }
  return programs;
}

size_t CountOf(const Profile& profile, SiteKind kind) {
  return static_cast<size_t>(std::count_if(profile.sites.begin(), profile.sites.end(),
                                           [kind](const Site& site) { return site.kind == kind; }));
}

// What must hold of every build of the gRPC program, with or without DWARF.
TEST(GrpcSites, OfEachProgramAreComplete) {
  const std::vector<std::filesystem::path> programs = GrpcPrograms();
  if (programs.empty()) GTEST_SKIP() << kNoTargets;
  for (const std::filesystem::path& path : programs) {
    SCOPED_TRACE(path);
    const auto profile = ResolvePath(path);
    ASSERT_TRUE(profile.ok()) << profile.status();
    EXPECT_TRUE(profile->Has(Instrumentation::kGrpcServer));
    for (const Absence& absence : profile->absences) ADD_FAILURE() << absence.message;
    EXPECT_TRUE(profile->Has(Instrumentation::kGrpcClient));
    EXPECT_EQ(GrpcFlaw(*profile), std::nullopt);
    EXPECT_EQ(CountOf(*profile, SiteKind::kGrpcServerStart), 1U);
    EXPECT_EQ(CountOf(*profile, SiteKind::kGrpcServerEnd), 2U);
    EXPECT_EQ(CountOf(*profile, SiteKind::kGrpcClientStart), 1U);
    EXPECT_EQ(CountOf(*profile, SiteKind::kGrpcClientFinish), 1U);
    EXPECT_GT(CountOf(*profile, SiteKind::kGrpcClientEnd), 0U);
    EXPECT_EQ(CountOf(*profile, SiteKind::kGrpcValueContext), 1U);
    EXPECT_EQ(CountOf(*profile, SiteKind::kGrpcTcpAddress), 1U);
    EXPECT_TRUE(MetadataKeyOf(*profile).has_value());
    for (const Site& site : profile->sites) {
      const Instrumentation of = InstrumentationOf(site.kind);
      if (!IsProbed(site.kind) ||
          (of != Instrumentation::kGrpcServer && of != Instrumentation::kGrpcClient)) {
        continue;
      }
      EXPECT_EQ(site.cost, CostClass::kEmulated) << site.function << ": " << site.instruction;
    }
    EXPECT_EQ(profile->trust(), Trust::kConsistent);
    EXPECT_TRUE(VerifyPath(*profile, path).ok());
  }
}

}  // namespace
}  // namespace uprobed::profile
