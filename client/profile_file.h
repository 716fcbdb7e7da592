#ifndef UPROBED_CLIENT_PROFILE_FILE_H_
#define UPROBED_CLIENT_PROFILE_FILE_H_

#include <istream>
#include <string>

#include "grpcpp/support/status.h"
#include "uprobed/v1/profile.pb.h"

namespace uprobed::client {

// The file that profiles travel in: the JSON of ExportProfilesResponse.

// Reads a file, or `standard_input` where `path` is "-". NOT_FOUND, PERMISSION_DENIED,
// INVALID_ARGUMENT INPUT_MALFORMED; more than 64 MiB is refused.
grpc::Status ReadProfiles(const std::string& path, std::istream& standard_input,
                          v1::ExportProfilesResponse* profiles);

// Replaces the file at `path` as a whole or not at all; writes into what is no regular file.
grpc::Status WriteProfiles(const v1::ExportProfilesResponse& profiles, const std::string& path);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_PROFILE_FILE_H_
