#include "server/rpc/status.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>
#include <exception>
#include <map>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/base/errors.h"
#include "server/rpc/resource_name.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

// gRPC peers accept 8 KiB of metadata. The message travels twice (once percent-encoded, which may
// triple it), the details once in base64.
constexpr size_t kMaxMessageBytes = 700;
constexpr size_t kMaxMetadataEntries = 8;
constexpr size_t kMaxMetadataKeyBytes = 64;
constexpr size_t kMaxMetadataValueBytes = 256;

constexpr std::string_view kNotFound = "_NOT_FOUND";
constexpr std::string_view kExists = "_EXISTS";

// "probe" of PROBE_NOT_FOUND; empty where the error is not about a resource.
std::string ResourceType(std::string_view reason) {
  for (const std::string_view suffix : {kNotFound, kExists}) {
    if (!reason.ends_with(suffix)) continue;
    std::string type(reason.substr(0, reason.size() - suffix.size()));
    std::transform(type.begin(), type.end(), type.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return type;
  }
  return "";
}

// The resource that the error is about, as its maker put it into the metadata.
std::string ResourceName(const std::string& type,
                         const std::map<std::string, std::string>& metadata) {
  for (const std::string& key :
       {std::string("name"), type, std::string("id"), std::string("path"), std::string("pid")}) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) continue;
    if (type == "probe" && IsProbeId(found->second)) return ProbeName(found->second);
    if (type == "profile" && IsProfileId(found->second)) return ProfileName(found->second);
    return found->second;
  }
  return "";
}

void AddDetails(const absl::Status& status, google::rpc::Status& wire) {
  const std::map<std::string, std::string> metadata = MetadataOf(status);
  google::rpc::ErrorInfo info;
  info.set_reason(ToUtf8(ReasonOf(status), kMaxMetadataKeyBytes));
  info.set_domain(kErrorDomain);
  for (const auto& [key, value] : metadata) {
    if (info.metadata().size() == kMaxMetadataEntries) break;
    (*info.mutable_metadata())[ToUtf8(key, kMaxMetadataKeyBytes)] =
        ToUtf8(value, kMaxMetadataValueBytes);
  }
  wire.add_details()->PackFrom(info);

  if (const auto field = metadata.find("field"); field != metadata.end()) {
    google::rpc::BadRequest bad_request;
    auto* violation = bad_request.add_field_violations();
    violation->set_field(ToUtf8(field->second, kMaxMetadataValueBytes));
    violation->set_description(wire.message());
    wire.add_details()->PackFrom(bad_request);
  }
  if (const std::string type = ResourceType(info.reason()); !type.empty()) {
    google::rpc::ResourceInfo resource;
    resource.set_resource_type(type);
    resource.set_resource_name(ToUtf8(ResourceName(type, metadata), kMaxMetadataValueBytes));
    wire.add_details()->PackFrom(resource);
  }
}

absl::Status Unexpected(std::string_view what) {
  spdlog::error("exception in a call: {}", what);
  return MakeError(absl::StatusCode::kInternal, "INTERNAL",
                   fmt::format("the daemon failed unexpectedly ({}): see its log", what));
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const absl::StatusCode code =
      status.code() == absl::StatusCode::kUnknown ? absl::StatusCode::kInternal : status.code();
  google::rpc::Status wire;
  wire.set_code(static_cast<int>(code));
  wire.set_message(ToUtf8(std::string(status.message()), kMaxMessageBytes));
  AddDetails(status, wire);
  return {static_cast<grpc::StatusCode>(code), wire.message(), wire.SerializeAsString()};
}

absl::Status CatchExceptions(const std::function<absl::Status()>& body) {
  try {
    return body();
  } catch (const std::exception& exception) {
    return Unexpected(exception.what());
  } catch (...) {
    return Unexpected("not a standard exception");
  }
}

grpc::Status Answer(const std::function<absl::Status()>& body) {
  return ToGrpcStatus(CatchExceptions(body));
}

absl::Status FieldError(std::string_view reason, std::string_view field, std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, reason, message,
                   {{"field", std::string(field)}});
}

absl::Status ShuttingDown() {
  return MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                   "the daemon is shutting down: connect again once it runs");
}

}  // namespace uprobed::rpc
