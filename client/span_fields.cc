#include "client/span_fields.h"

#include <algorithm>

#include "google/protobuf/descriptor.pb.h"

namespace uprobed::client {
namespace {

bool HasName(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The message Span without the fields that are not in `paths`.
google::protobuf::FileDescriptorProto DescribeSelection(const std::vector<std::string>& paths) {
  const google::protobuf::Descriptor& span = *v1::Span::descriptor();
  google::protobuf::FileDescriptorProto file;
  file.set_name("uprobectl/selected_span.proto");
  file.set_syntax("proto3");
  // For the types of fields, which an import does not hand on.
  file.add_dependency(span.file()->name());
  for (int i = 0; i < span.file()->dependency_count(); ++i) {
    file.add_dependency(span.file()->dependency(i)->name());
  }
  google::protobuf::DescriptorProto& message = *file.add_message_type();
  message.set_name("SelectedSpan");
  for (int i = 0; i < span.field_count(); ++i) {
    if (HasName(paths, "*") || HasName(paths, span.field(i)->name())) {
      span.field(i)->CopyTo(message.add_field());
    }
  }
  return file;
}

}  // namespace

SpanFields::SpanFields(const std::vector<std::string>& names)
    : pool_(google::protobuf::DescriptorPool::generated_pool()), factory_(&pool_) {
  for (const std::string& name : names) {
    (name.find('.') == std::string::npos ? paths_ : attribute_keys_).push_back(name);
  }
  if (!attribute_keys_.empty()) {
    // Keys are of one or the other, and the daemon knows of which.
    for (const char* holder : {"attributes", "resource"}) {
      if (!HasName(paths_, holder)) paths_.emplace_back(holder);
    }
  }
  const auto* file = pool_.BuildFile(DescribeSelection(paths_));
  selected_.reset(factory_.GetPrototype(file->message_type(0))->New());
}

void SpanFields::FillRequest(v1::StreamSpansRequest& request) const {
  for (const std::string& path : paths_) request.mutable_read_mask()->add_paths(path);
  for (const std::string& key : attribute_keys_) request.add_attribute_keys(key);
}

const google::protobuf::Message& SpanFields::Select(const v1::Span& span) {
  // Fields that were not asked for become unknown ones, which JSON does not show.
  selected_->ParseFromString(span.SerializeAsString());
  return *selected_;
}

}  // namespace uprobed::client
