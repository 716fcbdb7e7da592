#ifndef UPROBED_SERVER_SPAN_PATH_TEMPLATE_H_
#define UPROBED_SERVER_SPAN_PATH_TEMPLATE_H_

#include <string>
#include <string_view>

namespace uprobed::span {

// What a path has in common with those that differ from it by identifiers only: "/users/{id}" for
// "/users/4711". A segment counts as an identifier if it is a number, a UUID, hexadecimal with a
// digit and at least eight long, has five digits, or has twenty characters with a digit among them.
// Segments behind the eighth become "*". A guess from the text alone, for where the program's own
// route is not known; never an OpenTelemetry http.route.
std::string PathTemplate(std::string_view path);
// The same, appended to `to`.
void AppendPathTemplate(std::string_view path, std::string& to);

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_PATH_TEMPLATE_H_
