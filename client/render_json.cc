#include "client/render_json.h"

#include "client/escape.h"
#include "fmt/format.h"
#include "google/protobuf/util/json_util.h"

namespace uprobed::client {
namespace {

std::string ToJson(const google::protobuf::Message& message, bool whitespace) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = whitespace;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  // Only a timestamp or duration out of range cannot be printed: then the output says so.
  if (!status.ok()) {
    return fmt::format(R"({{"unprintable":{}}})", QuoteJson(std::string(status.message())));
  }
  return json;
}

}  // namespace

std::string ToJsonLine(const google::protobuf::Message& message) { return ToJson(message, false); }

std::string ToJsonDocument(const google::protobuf::Message& message) {
  return ToJson(message, true);
}

absl::Status FromJson(const std::string& json, google::protobuf::Message* message) {
  const auto status = google::protobuf::util::JsonStringToMessage(json, message);
  if (!status.ok()) return absl::InvalidArgumentError(std::string(status.message()));
  return absl::OkStatus();
}

}  // namespace uprobed::client
