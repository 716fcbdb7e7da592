#ifndef UPROBED_SERVER_PROFILE_HTTP2_NAMES_H_
#define UPROBED_SERVER_PROFILE_HTTP2_NAMES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/profile/fields.h"

namespace uprobed::profile {

// The functions of one implementation of HTTP/2: that of net/http, which has a package of its own
// since Go 1.27, and golang.org/x/net/http2, which net/http's is made from. A program may have
// both.
struct Http2Names {
  uint8_t implementation;  // UP_HTTP2_* of bpf/abi/profile_slot.h
  std::string_view
      run_function;  // runs a handler on a goroutine of its own; what it defers ends it
  std::string_view done_function;
  up_field first_field;  // of its group of UP_HTTP2_FIELDS
  // Where the handler's *http.Request is there: runHandler has been given it, or since Go 1.27 what
  // that calls makes it.
  std::string_view start_function;
  // Writes the header of a response.
  std::string_view write_headers_function;
  // Of the client: the method value that is called where the end of a body is read; Close of a
  // body, and of one that is decompressed.
  std::string_view body_read_function;
  std::string_view body_close_function;
  std::string_view gzip_close_function;
  // What the methods of a connection of the client begin with; writes the headers of a request.
  std::string_view client_connection;
  std::string_view encode_headers_function;
};

std::span<const Http2Names> AllHttp2Names();

// The implementation whose runHandler, or a function without a name in it, or where its requests
// start, is called `function`; nullptr where there is none.
const Http2Names* FindHttp2Names(std::string_view function);

// The implementation that `function` is named in, be it its runHandler or another; nullptr where
// there is none.
const Http2Names* Http2NamesWith(std::string_view function);

// Whether `fields` has those that the requests of this implementation are read by.
bool KnowsFieldsOf(const Http2Names& names, const std::map<std::string, FieldOffset>& fields);

// What is wrong with the sites of HTTP/2: each implementation has a start, each of the ends and its
// fields, or nothing. nullopt where that is so.
std::optional<std::string> Http2Flaw(const Profile& profile);

}  // namespace uprobed::profile

#endif  // UPROBED_SERVER_PROFILE_HTTP2_NAMES_H_
