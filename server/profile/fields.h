#ifndef UPROBED_SERVER_PROFILE_FIELDS_H_
#define UPROBED_SERVER_PROFILE_FIELDS_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "bpf/abi/profile_slot.h"
#include "server/profile/profile.h"

namespace uprobed::profile {

// When a profile must know a field.
enum class Need : uint8_t {
  kAlways,     // without it the instrumentation is refused
  kIfPresent,  // spans lack one attribute, the cause of an end, or a parent, without it
  // Of maps of one kind, which only headers are read from: without it a traceparent is not adopted.
  kBucketMaps,
  kSwissMaps,
  kHttp2,  // without it the requests that this implementation of HTTP/2 serves are not seen
};

// A field that the BPF programs read.
struct FieldSpec {
  up_field index;                // in up_profile_slot
  std::string_view struct_name;  // DWARF name: "net/http.Request"
  std::string_view member;       // "Method"; nested members with dots: "groups.data"
  Instrumentation instrumentation;
  Need need;
};

// All fields, in the order of up_field. The key in Profile::fields is struct_name + "." + member.
// Fields that server and client of a protocol read are listed under its server and checked for
// both.
std::span<const FieldSpec> AllFields();

// The key of `field` in Profile::fields: "net/http.Request.Method".
std::string FieldKey(const FieldSpec& field);

// Whether `instrumentation` cannot do without `field`.
bool IsNeeded(const FieldSpec& field, Instrumentation instrumentation);

// Whether `fields` lead from a request that is made to the connection that it is written to.
bool KnowsConnections(const std::map<std::string, FieldOffset>& fields);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_FIELDS_H_
