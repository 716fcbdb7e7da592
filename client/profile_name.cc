#include "client/profile_name.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "client/failure.h"
#include "client/render_profile.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

// profiles/{32 hexadecimal digits}
constexpr size_t kIdLength = 32;

bool IsHexadecimal(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

grpc::Status ListAllProfiles(Session& session, v1::ListProfilesResponse* all) {
  Connection& connection = session.connection();
  v1::ListProfilesRequest request;
  do {
    v1::ListProfilesResponse page;
    grpc::Status status = connection.Unary([&](grpc::ClientContext* context) {
      return connection.profiles().ListProfiles(context, request, &page);
    });
    if (!status.ok()) return status;
    all->MergeFrom(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  all->clear_next_page_token();
  return grpc::Status::OK;
}

bool IsProfilePath(const std::string& text) {
  const std::string id = ProfileId(text);
  if (id != text) return false;
  if (text.find('/') != std::string::npos) return true;
  if (id.size() == kIdLength && IsHexadecimal(id)) return false;
  std::error_code error;
  return std::filesystem::exists(text, error);
}

grpc::Status ProfileName(Session& session, const std::string& given, std::string* name) {
  const std::string id = ProfileId(given);
  if (!IsHexadecimal(id) || id.size() > kIdLength) {
    return MakeFailure(
        grpc::StatusCode::INVALID_ARGUMENT, "PROFILE_NAME_INVALID",
        fmt::format("\"{}\" is no profile's name: that is up to {} hexadecimal digits", given,
                    kIdLength));
  }
  *name = "profiles/" + id;
  if (id.size() == kIdLength) return grpc::Status::OK;
  v1::ListProfilesResponse all;
  if (grpc::Status status = ListAllProfiles(session, &all); !status.ok()) return status;
  std::vector<std::string> matches;
  for (const v1::Profile& profile : all.profiles()) {
    if (profile.name().rfind(*name, 0) == 0) matches.push_back(profile.name());
  }
  if (matches.empty()) {
    return MakeFailure(grpc::StatusCode::NOT_FOUND, "PROFILE_NOT_FOUND",
                       fmt::format("no profile's name begins with \"{}\"", id));
  }
  if (matches.size() > 1) {
    return MakeFailure(
        grpc::StatusCode::INVALID_ARGUMENT, "PROFILE_NAME_AMBIGUOUS",
        fmt::format("{} profiles' names begin with \"{}\": write more of it", matches.size(), id));
  }
  *name = matches.front();
  return grpc::Status::OK;
}

}  // namespace uprobed::client
