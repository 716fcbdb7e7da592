#ifndef UPROBED_SERVER_RPC_FIELD_MASK_H_
#define UPROBED_SERVER_RPC_FIELD_MASK_H_

#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/message.h>

#include <set>
#include <string>

#include "absl/status/statusor.h"

namespace uprobed::rpc {

// Checks a read_mask (AIP-157) against the fields of `descriptor`; empty and "*" mean all.
// INVALID_ARGUMENT FIELD_MASK_INVALID names the path that is wrong.
absl::Status CheckReadMask(const google::protobuf::FieldMask& mask,
                           const google::protobuf::Descriptor& descriptor);

// The same where fields are sent whole: a path into a field is refused as well.
absl::Status CheckReadMaskOfWholeFields(const google::protobuf::FieldMask& mask,
                                        const google::protobuf::Descriptor& descriptor);

// Whether a checked read_mask asks for this top-level field.
bool Reads(const google::protobuf::FieldMask& mask, const std::string& field);

// Removes what a checked read_mask does not ask for.
void ApplyReadMask(const google::protobuf::FieldMask& mask, google::protobuf::Message& message);

// The fields that an update_mask (AIP-161) names, out of `updatable`, which are paths of one or two
// levels. Empty and "*" mean all; a parent ("spec") means its children.
// INVALID_ARGUMENT FIELD_MASK_INVALID for every other path.
absl::StatusOr<std::set<std::string>> ParseUpdateMask(const google::protobuf::FieldMask& mask,
                                                      const std::set<std::string>& updatable);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_FIELD_MASK_H_
