#ifndef UPROBED_SERVER_RPC_PROFILE_SERVICE_H_
#define UPROBED_SERVER_RPC_PROFILE_SERVICE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/control/profile_catalog.h"
#include "server/rpc/audit.h"
#include "server/store/store.h"
#include "uprobed/v1/profile.grpc.pb.h"

namespace uprobed::rpc {

// Checks and translates; what a profile is comes from control::ProfileCatalog.
// Thread-safe.
class ProfileService final : public v1::ProfileService::Service {
 public:
  ProfileService(control::ProfileCatalog& profiles, Auditor& auditor)
      : profiles_(profiles), auditor_(auditor) {}

  grpc::Status ResolveProfile(grpc::ServerContext* context,
                              const v1::ResolveProfileRequest* request,
                              v1::ResolveProfileResponse* response) override;
  grpc::Status GetProfile(grpc::ServerContext* context, const v1::GetProfileRequest* request,
                          v1::Profile* response) override;
  grpc::Status ListProfiles(grpc::ServerContext* context, const v1::ListProfilesRequest* request,
                            v1::ListProfilesResponse* response) override;
  grpc::Status DeleteProfile(grpc::ServerContext* context, const v1::DeleteProfileRequest* request,
                             google::protobuf::Empty* response) override;
  grpc::Status ExportProfiles(grpc::ServerContext* context,
                              const v1::ExportProfilesRequest* request,
                              v1::ExportProfilesResponse* response) override;
  grpc::Status ImportProfiles(grpc::ServerContext* context,
                              const v1::ImportProfilesRequest* request,
                              v1::ImportProfilesResponse* response) override;
  grpc::Status VerifyProfile(grpc::ServerContext* context, const v1::VerifyProfileRequest* request,
                             v1::VerifyProfileResponse* response) override;

 private:
  absl::Status Resolve(const v1::ResolveProfileRequest& request,
                       v1::ResolveProfileResponse& response);
  absl::Status List(const v1::ListProfilesRequest& request, v1::ListProfilesResponse& response);
  absl::Status Export(const v1::ExportProfilesRequest& request,
                      v1::ExportProfilesResponse& response);
  absl::Status Verify(const v1::VerifyProfileRequest& request, v1::VerifyProfileResponse& response);

  absl::StatusOr<v1::Profile> Load(const store::ProfileSummary& summary);
  absl::StatusOr<v1::Profile> Load(const std::string& id);

  control::ProfileCatalog& profiles_;
  Auditor& auditor_;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_PROFILE_SERVICE_H_
