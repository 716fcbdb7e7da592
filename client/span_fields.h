#ifndef UPROBED_CLIENT_SPAN_FIELDS_H_
#define UPROBED_CLIENT_SPAN_FIELDS_H_

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/message.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

// The parts of a span that the user asks for: fields of Span ("start_time") and keys of attributes
// ("http.route"), which are told apart by their dots. Whether they exist the daemon knows.
// Thread: main only.
class SpanFields {
 public:
  // `names` has at least one.
  explicit SpanFields(const std::vector<std::string>& names);

  void FillRequest(v1::StreamSpansRequest& request) const;
  // The span as a message that has these fields and no others, so that JSON shows one of them also
  // where it has its default, and none that nobody asked for. Valid until the next call.
  const google::protobuf::Message& Select(const v1::Span& span);

 private:
  std::vector<std::string> paths_;
  std::vector<std::string> attribute_keys_;
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
  std::unique_ptr<google::protobuf::Message> selected_;
};

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_SPAN_FIELDS_H_
