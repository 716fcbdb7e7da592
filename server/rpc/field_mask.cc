#include "server/rpc/field_mask.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/util/field_mask_util.h>

#include <algorithm>
#include <vector>

#include "server/base/errors.h"
#include "server/rpc/status.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

using google::protobuf::FieldMask;
using google::protobuf::util::FieldMaskUtil;

bool MeansAll(const FieldMask& mask) {
  return mask.paths().empty() ||
         std::find(mask.paths().begin(), mask.paths().end(), "*") != mask.paths().end();
}

// FieldMaskUtil overlooks empty parts: "spec..pid", "spec.".
bool HasEmptyPart(const std::string& path) {
  return path.empty() || path.front() == '.' || path.back() == '.' ||
         path.find("..") != std::string::npos;
}

absl::Status Invalid(std::string_view field, std::string_view path, std::string_view allowed) {
  const std::string quoted = ToUtf8(path, kMaxQuotedBytes);
  return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_MASK_INVALID",
                   fmt::format("\"{}\" cannot be in {}: {}", quoted, field, allowed),
                   {{"field", std::string(field)}, {"path", quoted}});
}

std::string FieldNames(const google::protobuf::Descriptor& descriptor) {
  std::vector<std::string> names;
  names.reserve(static_cast<size_t>(descriptor.field_count()));
  for (int i = 0; i < descriptor.field_count(); ++i) names.push_back(descriptor.field(i)->name());
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

absl::Status CheckReadMask(const FieldMask& mask, const google::protobuf::Descriptor& descriptor) {
  for (const std::string& path : mask.paths()) {
    if (path == "*") continue;
    if (HasEmptyPart(path) || !FieldMaskUtil::GetFieldDescriptors(&descriptor, path, nullptr)) {
      return Invalid("read_mask", path,
                     fmt::format("give paths of fields of {}, or \"*\"", descriptor.full_name()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckReadMaskOfWholeFields(const FieldMask& mask,
                                        const google::protobuf::Descriptor& descriptor) {
  for (const std::string& path : mask.paths()) {
    if (path != "*" && descriptor.FindFieldByName(path) == nullptr) {
      return Invalid("read_mask", path,
                     fmt::format("give some of {}, or \"*\"", FieldNames(descriptor)));
    }
  }
  return absl::OkStatus();
}

bool Reads(const FieldMask& mask, const std::string& field) {
  return MeansAll(mask) ||
         std::any_of(mask.paths().begin(), mask.paths().end(), [&field](const std::string& path) {
           return path == field || path.starts_with(field + ".");
         });
}

void ApplyReadMask(const FieldMask& mask, google::protobuf::Message& message) {
  if (!MeansAll(mask)) FieldMaskUtil::TrimMessage(mask, &message);
}

absl::StatusOr<std::set<std::string>> ParseUpdateMask(const FieldMask& mask,
                                                      const std::set<std::string>& updatable) {
  std::set<std::string> fields;
  for (const std::string& path : mask.paths()) {
    if (path == "*") continue;
    bool known = false;
    for (const std::string& candidate : updatable) {
      if (candidate != path && !candidate.starts_with(path + ".")) continue;
      known = true;
      fields.insert(candidate);
    }
    if (!known) {
      return Invalid("update_mask", path,
                     fmt::format("give some of {}, or \"*\"", fmt::join(updatable, ", ")));
    }
  }
  return MeansAll(mask) ? updatable : fields;
}

}  // namespace uprobed::rpc
