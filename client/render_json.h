#ifndef UPROBED_CLIENT_RENDER_JSON_H_
#define UPROBED_CLIENT_RENDER_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace uprobed::client {

// Protobuf's JSON on one line. Fields at their default value are there, so that a program can rely
// on every key; bytes are base64.
std::string ToJsonLine(const google::protobuf::Message& message);
// The same over several lines, for a file that people read.
std::string ToJsonDocument(const google::protobuf::Message& message);

// Reads what the two above write. INVALID_ARGUMENT with the parser's message.
absl::Status FromJson(const std::string& json, google::protobuf::Message* message);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_RENDER_JSON_H_
