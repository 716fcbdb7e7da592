#ifndef UPROBED_CLIENT_RENDER_SPAN_H_
#define UPROBED_CLIENT_RENDER_SPAN_H_

#include <string>

#include "client/terminal.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::client {

// The titles over the columns of FormatSpan.
std::string SpanHeader();
// One line: time, service, kind, method, route or path, status, duration, trace and whether the
// span has a parent: "root", "child" (of a span seen here) or "remote" (of a traceparent header).
std::string FormatSpan(const Terminal& terminal, const v1::Span& span);

// A span's or resource's attribute as text; empty where there is none.
std::string AttributeText(const google::protobuf::RepeatedPtrField<v1::KeyValue>& attributes,
                          std::string_view key);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_RENDER_SPAN_H_
