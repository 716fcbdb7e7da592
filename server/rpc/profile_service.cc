#include "server/rpc/profile_service.h"

#include <fmt/format.h>

#include <set>
#include <utility>
#include <vector>

#include "server/base/errors.h"
#include "server/rpc/convert_probe.h"
#include "server/rpc/convert_profile.h"
#include "server/rpc/field_mask.h"
#include "server/rpc/paging.h"
#include "server/rpc/profile_import.h"
#include "server/rpc/resource_name.h"
#include "server/rpc/status.h"
#include "server/rpc/utf8.h"

namespace uprobed::rpc {
namespace {

// Stays below the 4 MiB that a client accepts and ImportProfiles takes.
constexpr size_t kMaxExportBytes = size_t{4000} << 10;
// What the audit says of an import of several.
constexpr char kSeveralProfiles[] = "profiles/-";

// Whether a read_mask asks for more than FillSummary fills.
bool NeedsWholeProfile(const google::protobuf::FieldMask& mask) {
  static const auto& summary = *new std::set<std::string>{
      "name",       "go_build_id", "gnu_build_id", "content_sha256", "size_bytes",
      "go_version", "binary_path", "imported",     "create_time"};
  const auto* const descriptor = v1::Profile::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const std::string& name = descriptor->field(i)->name();
    if (!summary.contains(name) && Reads(mask, name)) return true;
  }
  return false;
}

// Whether `status` is the answer of a comparison rather than a failure to compare.
bool IsMismatch(const absl::Status& status) {
  static const auto& reasons = *new std::set<std::string>{
      "PROFILE_BYTES_MISMATCH", "PROFILE_BINARY_MISMATCH", "PROFILE_INVALID"};
  return reasons.contains(ReasonOf(status));
}

}  // namespace

absl::StatusOr<v1::Profile> ProfileService::Load(const store::ProfileSummary& summary) {
  ASSIGN_OR_RETURN(const profile::Profile profile, profiles_.Get(summary.id));
  v1::Profile result = ToProto(profile);
  FillSummary(summary, result);
  return result;
}

absl::StatusOr<v1::Profile> ProfileService::Load(const std::string& id) {
  ASSIGN_OR_RETURN(const store::ProfileSummary summary, profiles_.FindSummary(id));
  return Load(summary);
}

grpc::Status ProfileService::ResolveProfile(grpc::ServerContext* /*context*/,
                                            const v1::ResolveProfileRequest* request,
                                            v1::ResolveProfileResponse* response) {
  return Answer([&] { return Resolve(*request, *response); });
}

absl::Status ProfileService::Resolve(const v1::ResolveProfileRequest& request,
                                     v1::ResolveProfileResponse& response) {
  uint32_t pid = 0;
  switch (request.target_case()) {
    case v1::ResolveProfileRequest::kBinaryPath:
      if (request.binary_path().empty()) return TargetMissing("binary_path");
      RETURN_IF_ERROR(CheckPath(request.binary_path(), "binary_path"));
      break;
    case v1::ResolveProfileRequest::kPid:
      RETURN_IF_ERROR(CheckPid(request.pid(), "pid"));
      pid = static_cast<uint32_t>(request.pid());
      break;
    case v1::ResolveProfileRequest::TARGET_NOT_SET:
      return TargetMissing("binary_path");
  }
  ASSIGN_OR_RETURN(const control::ResolvedProfile resolved,
                   profiles_.ResolveTarget(request.binary_path(), pid, request.refresh()));
  *response.mutable_profile() = ToProto(resolved.profile);
  response.set_from_store(resolved.from_store);
  ASSIGN_OR_RETURN(const store::ProfileSummary summary,
                   profiles_.FindSummary(resolved.profile.identity.Id()));
  FillSummary(summary, *response.mutable_profile());
  return absl::OkStatus();
}

grpc::Status ProfileService::GetProfile(grpc::ServerContext* /*context*/,
                                        const v1::GetProfileRequest* request,
                                        v1::Profile* response) {
  return Answer([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::string id, ParseProfileName(request->name()));
    RETURN_IF_ERROR(CheckReadMask(request->read_mask(), *v1::Profile::descriptor()));
    ASSIGN_OR_RETURN(*response, Load(id));
    ApplyReadMask(request->read_mask(), *response);
    return absl::OkStatus();
  });
}

grpc::Status ProfileService::ListProfiles(grpc::ServerContext* /*context*/,
                                          const v1::ListProfilesRequest* request,
                                          v1::ListProfilesResponse* response) {
  return Answer([&] { return List(*request, *response); });
}

absl::Status ProfileService::List(const v1::ListProfilesRequest& request,
                                  v1::ListProfilesResponse& response) {
  ASSIGN_OR_RETURN(const size_t page_size, ParsePageSize(request.page_size()));
  ASSIGN_OR_RETURN(const std::string after_name, DecodePageToken(request.page_token()));
  RETURN_IF_ERROR(CheckReadMask(request.read_mask(), *v1::Profile::descriptor()));
  std::string after_id;
  if (!after_name.empty()) {
    const absl::StatusOr<std::string> parsed = ParseProfileName(after_name, "page_token");
    if (!parsed.ok()) return PageTokenMalformed();
    after_id = *parsed;
  }
  const bool whole = NeedsWholeProfile(request.read_mask());
  // One more than told: whether there is a next page.
  ASSIGN_OR_RETURN(const auto summaries, profiles_.List(after_id, page_size + 1));
  size_t bytes = 0;
  for (size_t i = 0; i < summaries.size(); ++i) {
    if (i == page_size || bytes > kMaxPageBytes) {
      response.set_next_page_token(EncodePageToken(ProfileName(summaries[i - 1].id)));
      break;
    }
    v1::Profile profile;
    if (whole) {
      absl::StatusOr<v1::Profile> loaded = Load(summaries[i]);
      // Deleted since it was listed.
      if (absl::IsNotFound(loaded.status())) continue;
      RETURN_IF_ERROR(loaded.status());
      profile = *std::move(loaded);
    } else {
      FillSummary(summaries[i], profile);
    }
    ApplyReadMask(request.read_mask(), profile);
    bytes += profile.ByteSizeLong();
    *response.add_profiles() = std::move(profile);
  }
  return absl::OkStatus();
}

grpc::Status ProfileService::DeleteProfile(grpc::ServerContext* context,
                                           const v1::DeleteProfileRequest* request,
                                           google::protobuf::Empty* /*response*/) {
  const absl::Status status = CatchExceptions([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::string id, ParseProfileName(request->name()));
    absl::Status deleted = profiles_.Delete(id);
    if (request->allow_missing() && absl::IsNotFound(deleted)) return absl::OkStatus();
    return deleted;
  });
  auditor_.Record(*context, "uprobed.v1.ProfileService/DeleteProfile", request->name(), status);
  return ToGrpcStatus(status);
}

grpc::Status ProfileService::ExportProfiles(grpc::ServerContext* /*context*/,
                                            const v1::ExportProfilesRequest* request,
                                            v1::ExportProfilesResponse* response) {
  return Answer([&] { return Export(*request, *response); });
}

absl::Status ProfileService::Export(const v1::ExportProfilesRequest& request,
                                    v1::ExportProfilesResponse& response) {
  std::vector<std::string> ids;
  for (int i = 0; i < request.names_size(); ++i) {
    ASSIGN_OR_RETURN(std::string id,
                     ParseProfileName(request.names(i), fmt::format("names[{}]", i)));
    ids.push_back(std::move(id));
  }
  while (request.names().empty()) {
    ASSIGN_OR_RETURN(const auto page, profiles_.List(ids.empty() ? "" : ids.back(), kMaxPageSize));
    if (page.empty()) break;
    for (const store::ProfileSummary& summary : page) ids.push_back(summary.id);
  }
  size_t bytes = 0;
  for (const std::string& id : ids) {
    ASSIGN_OR_RETURN(*response.add_profiles(), Load(id));
    bytes += response.profiles().rbegin()->ByteSizeLong();
    if (bytes > kMaxExportBytes) {
      return MakeError(absl::StatusCode::kResourceExhausted, "EXPORT_TOO_LARGE",
                       fmt::format("{} profiles exceed {} bytes: export them in parts, by name",
                                   ids.size(), kMaxExportBytes),
                       {{"profiles", std::to_string(ids.size())}});
    }
  }
  return absl::OkStatus();
}

grpc::Status ProfileService::ImportProfiles(grpc::ServerContext* context,
                                            const v1::ImportProfilesRequest* request,
                                            v1::ImportProfilesResponse* response) {
  const absl::Status status = CatchExceptions([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<control::ProfileToImport> imports, ReadImport(*request));
    RETURN_IF_ERROR(profiles_.Import(imports, request->force(), request->validate_only()));
    for (const control::ProfileToImport& import : imports) {
      response->add_names(ProfileName(import.profile.identity.Id()));
    }
    return absl::OkStatus();
  });
  if (!request->validate_only()) {
    auditor_.Record(*context, "uprobed.v1.ProfileService/ImportProfiles",
                    request->profiles_size() == 1 ? request->profiles(0).name() : kSeveralProfiles,
                    status);
  }
  return ToGrpcStatus(status);
}

grpc::Status ProfileService::VerifyProfile(grpc::ServerContext* /*context*/,
                                           const v1::VerifyProfileRequest* request,
                                           v1::VerifyProfileResponse* response) {
  return Answer([&] { return Verify(*request, *response); });
}

absl::Status ProfileService::Verify(const v1::VerifyProfileRequest& request,
                                    v1::VerifyProfileResponse& response) {
  ASSIGN_OR_RETURN(const std::string id, ParseProfileName(request.name()));
  if (!request.binary_path().empty()) {
    RETURN_IF_ERROR(CheckPath(request.binary_path(), "binary_path"));
  }
  absl::Status status = profiles_.Verify(id, request.binary_path());
  if (!status.ok() && !IsMismatch(status)) return status;
  response.set_matches(status.ok());
  if (!status.ok()) {
    response.set_reason(ReasonOf(status));
    response.set_message(ToUtf8(std::string(status.message())));
  }
  return absl::OkStatus();
}

}  // namespace uprobed::rpc
