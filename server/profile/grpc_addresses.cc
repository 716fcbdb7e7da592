#include "server/profile/grpc_addresses.h"

#include <cstddef>
#include <cstring>
#include <set>
#include <span>
#include <utility>

#include "server/base/errors.h"
#include "server/profile/prologue.h"
#include "server/profile/site_code.h"

namespace uprobed::profile {
namespace {

constexpr std::string_view kFromIncomingContext =
    "google.golang.org/grpc/metadata.FromIncomingContext";
constexpr std::string_view kContextValue = "context.(*valueCtx).Value";
constexpr std::string_view kTcpAddressString = "net.(*TCPAddr).String";

// src/internal/abi/type.go, Type (src/runtime/type.go before Go 1.21): the size of the values, and
// the kind.
constexpr uint64_t kTypeBytes = 24;
constexpr size_t kTypeSize = 0;
constexpr size_t kTypeKind = 23;
constexpr uint8_t kKindMask = 0x1F;
constexpr uint8_t kStruct = 25;

// One instruction: where it is, and its bytes.
struct Code {
  uint64_t address;
  const std::vector<uint8_t>& bytes;
};

template <typename T>
T ValueAt(std::span<const uint8_t> bytes, size_t index) {
  T value{};
  std::memcpy(&value, bytes.data() + index, sizeof(value));
  return value;
}

// lea offset(%rip),%reg of a whole register.
std::optional<uint64_t> LoadedByLea(const Code& lea) {
  constexpr size_t kBytes = 7;
  if (lea.bytes.size() != kBytes || (lea.bytes[0] & 0xFBU) != 0x48 || lea.bytes[1] != 0x8D ||
      (lea.bytes[2] & 0xC7U) != 0x05) {
    return std::nullopt;
  }
  const int64_t offset = ValueAt<int32_t>(lea.bytes, 3);
  return lea.address + kBytes + static_cast<uint64_t>(offset);
}

// adrp reg,page; add reg,reg,#offset.
std::optional<uint64_t> LoadedByPage(const Code& adrp, const Code& add) {
  constexpr uint32_t kRegisterMask = 0x1F;
  if (adrp.bytes.size() != sizeof(uint32_t) || add.bytes.size() != sizeof(uint32_t) ||
      add.address != adrp.address + sizeof(uint32_t)) {
    return std::nullopt;
  }
  const auto page = ValueAt<uint32_t>(adrp.bytes, 0);
  const auto sum = ValueAt<uint32_t>(add.bytes, 0);
  const uint32_t number = page & kRegisterMask;
  if ((page & 0x9F000000U) != 0x90000000U || (sum & 0xFFC00000U) != 0x91000000U ||
      (sum & kRegisterMask) != number || (sum >> 5U & kRegisterMask) != number) {
    return std::nullopt;
  }
  const uint64_t pages = (page >> 5U & 0x7FFFFU) << 2U | (page >> 29U & 3U);
  constexpr uint64_t kSign = uint64_t{1} << 20U;
  const uint64_t distance = ((pages ^ kSign) - kSign) << 12U;
  return (adrp.address & ~uint64_t{0xFFF}) + distance + (sum >> 10U & 0xFFFU);
}

// How many instructions of `flow` from `node` on load an address, and which.
struct Load {
  size_t instructions;
  uint64_t address;
};
std::optional<Load> LoadAt(const ControlFlow& flow, size_t node) {
  const auto code = [&flow](size_t at) { return Code{flow.at(at).address, flow.at(at).bytes}; };
  if (const auto address = LoadedByLea(code(node))) return Load{1, *address};
  if (node + 1 == flow.size()) return std::nullopt;
  if (const auto address = LoadedByPage(code(node), code(node + 1))) return Load{2, *address};
  return std::nullopt;
}

bool IsEmptyStruct(const elf::ElfFile& file, uint64_t type) {
  const auto bytes = file.ReadAddress(type, kTypeBytes);
  if (!bytes) return false;
  uint64_t size = 0;
  std::memcpy(&size, bytes->data() + kTypeSize, sizeof(size));
  const auto kind = static_cast<uint8_t>((*bytes)[kTypeKind]);
  return size == 0 && (kind & kKindMask) == kStruct;
}

// A function that is not there, or begins otherwise, makes no site.
absl::StatusOr<std::vector<Site>> InFunction(const elf::ElfFile& file,
                                             const elf::GoFunctions& functions,
                                             std::string_view name, SiteKind kind, CallAbi abi) {
  const absl::StatusOr<ControlFlow> flow = ReadFunction(file, functions, name);
  if (!flow.ok()) {
    if (absl::IsFailedPrecondition(flow.status())) return std::vector<Site>();
    return flow.status();
  }
  if (kind == SiteKind::kGrpcMetadataKey) {
    return MakeSites(file, *flow, PlanMetadataKey(*flow, [&file](uint64_t type) {
                       return IsEmptyStruct(file, type);
                     }));
  }
  return MakeSites(file, *flow, {{kind, NodeInPrologue(*flow, abi).value_or(0), false, {}}});
}

}  // namespace

bool IsGrpcAddress(SiteKind kind) {
  return kind == SiteKind::kGrpcMetadataKey || kind == SiteKind::kGrpcValueContext ||
         kind == SiteKind::kGrpcTcpAddress;
}

bool GrpcAddressLiesIn(SiteKind kind, std::string_view function) {
  switch (kind) {
    case SiteKind::kGrpcMetadataKey:
      return function == kFromIncomingContext;
    case SiteKind::kGrpcValueContext:
      return function == kContextValue;
    case SiteKind::kGrpcTcpAddress:
      return function == kTcpAddressString;
    default:
      return false;
  }
}

std::vector<SitePlan> PlanMetadataKey(const ControlFlow& flow,
                                      const std::function<bool(uint64_t)>& is_empty_struct) {
  std::set<uint64_t> keys;
  std::vector<SitePlan> plans;
  for (size_t node = 0; node < flow.size(); ++node) {
    const std::optional<Load> load = LoadAt(flow, node);
    if (!load || !is_empty_struct(load->address)) continue;
    if (keys.empty()) {
      for (size_t i = 0; i < load->instructions; ++i) {
        plans.push_back({SiteKind::kGrpcMetadataKey, node + i, false, {}});
      }
    }
    keys.insert(load->address);
  }
  return keys.size() == 1 ? plans : std::vector<SitePlan>();
}

absl::StatusOr<std::vector<Site>> FindGrpcAddresses(const elf::ElfFile& file,
                                                    const elf::GoFunctions& functions,
                                                    CallAbi abi) {
  const std::pair<std::string_view, SiteKind> kSources[] = {
      {kFromIncomingContext, SiteKind::kGrpcMetadataKey},
      {kContextValue, SiteKind::kGrpcValueContext},
      {kTcpAddressString, SiteKind::kGrpcTcpAddress}};
  std::vector<Site> sites;
  for (const auto& [function, kind] : kSources) {
    ASSIGN_OR_RETURN(const std::vector<Site> found,
                     InFunction(file, functions, function, kind, abi));
    sites.insert(sites.end(), found.begin(), found.end());
  }
  return sites;
}

std::optional<uint64_t> MetadataKeyOf(const Profile& profile) {
  std::vector<Code> code;
  for (const Site& site : profile.sites) {
    if (site.kind == SiteKind::kGrpcMetadataKey) code.push_back({site.virtual_address, site.bytes});
  }
  if (code.size() == 1) return LoadedByLea(code.front());
  return code.size() == 2 ? LoadedByPage(code.front(), code.back()) : std::nullopt;
}

}  // namespace uprobed::profile
