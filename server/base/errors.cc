#include "server/base/errors.h"

#include <fmt/format.h>

#include <system_error>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"

namespace uprobed {
namespace {

constexpr char kReasonUrl[] = "uprobed.v1/reason";
constexpr std::string_view kMetadataUrlPrefix = "uprobed.v1/metadata/";

// Debian 12 builds Abseil as C++14, where absl::string_view is a type of its own that does not
// convert from std::string_view; elsewhere they are the same type.
absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }
absl::Cord MakeCord(std::string_view text) { return absl::Cord(View(text)); }

}  // namespace

absl::Status MakeError(absl::StatusCode code, std::string_view reason, std::string_view message,
                       const std::map<std::string, std::string>& metadata) {
  absl::Status status(code, View(message));
  status.SetPayload(kReasonUrl, MakeCord(reason));
  for (const auto& [key, value] : metadata) {
    status.SetPayload(fmt::format("{}{}", kMetadataUrlPrefix, key), MakeCord(value));
  }
  return status;
}

absl::Status MakeErrnoError(int error_number, std::string_view reason, std::string_view message) {
  return MakeError(absl::ErrnoToStatusCode(error_number), reason,
                   fmt::format("{}: {}", message, std::generic_category().message(error_number)));
}

std::string ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  return payload.has_value() ? std::string(*payload) : "INTERNAL";
}

std::map<std::string, std::string> MetadataOf(const absl::Status& status) {
  std::map<std::string, std::string> metadata;
  status.ForEachPayload([&metadata](absl::string_view url, const absl::Cord& value) {
    const std::string_view key(url.data(), url.size());
    if (key.starts_with(kMetadataUrlPrefix)) {
      metadata.emplace(key.substr(kMetadataUrlPrefix.size()), std::string(value));
    }
  });
  return metadata;
}

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  const std::string_view message(status.message().data(), status.message().size());
  absl::Status annotated(status.code(), fmt::format("{}: {}", context, message));
  status.ForEachPayload([&annotated](absl::string_view url, const absl::Cord& value) {
    annotated.SetPayload(url, value);
  });
  return annotated;
}

}  // namespace uprobed
