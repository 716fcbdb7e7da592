#include "server/probe/profile_slot.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "server/probe/site_cookie.h"
#include "server/profile/error_methods.h"
#include "server/profile/fields.h"
#include "server/profile/grpc_addresses.h"
#include "server/profile/grpc_names.h"
#include "server/profile/handler_sites.h"
#include "server/profile/http2_names.h"
#include "server/profile/injection_sites.h"
#include "server/profile/response_sites.h"
#include "server/profile/router_names.h"
#include "server/profile/sites.h"

namespace uprobed::probe {
namespace {

using profile::Profile;
using profile::Site;
using profile::SiteKind;

// Where an error is when it is returned, no convention says.
bool HasArgumentsOnStack(const Site& site) {
  return site.kind != SiteKind::kClientError &&
         std::any_of(site.arguments.begin(), site.arguments.end(), [](const auto& argument) {
           return argument.kind == profile::ArgumentLocation::Kind::kStack &&
                  !profile::IsSaved(argument);
         });
}

const Site* FindSite(const Profile& profile, SiteKind kind) {
  const auto found = std::find_if(profile.sites.begin(), profile.sites.end(),
                                  [kind](const Site& site) { return site.kind == kind; });
  return found == profile.sites.end() ? nullptr : &*found;
}

// From the site where requests begin to the entry of the function that has the other site; 0 where
// one is missing.
int64_t DistanceToFunction(const Profile& profile, SiteKind start, SiteKind within) {
  const Site* from = FindSite(profile, start);
  const Site* inside = FindSite(profile, within);
  if (from == nullptr || inside == nullptr) return 0;
  const uint64_t entry = inside->virtual_address - inside->function_offset;
  return static_cast<int64_t>(entry - from->virtual_address);
}

// What the metadata of gRPC's requests is found by.
void FillMetadata(const Profile& profile, up_profile_slot& slot) {
  const Site* start = FindSite(profile, SiteKind::kGrpcServerStart);
  const std::optional<uint64_t> key = profile::MetadataKeyOf(profile);
  const auto context =
      profile.fields.find(profile::FieldKey(profile::AllFields()[UP_FIELD_GRPC_STREAM_CTX]));
  if (start == nullptr || !key || context == profile.fields.end()) return;
  slot.grpc_metadata_key = static_cast<int64_t>(*key - start->virtual_address);
  slot.grpc_metadata_ctx = context->second.offset;
  slot.grpc_value_context =
      DistanceToFunction(profile, SiteKind::kGrpcServerStart, SiteKind::kGrpcValueContext);
}

bool Wants(const AttachOptions& options, profile::Instrumentation instrumentation) {
  const auto& wanted = options.instrumentations;
  return std::find(wanted.begin(), wanted.end(), instrumentation) != wanted.end();
}

bool Observes(const Profile& profile, const AttachOptions& options, SiteKind start) {
  return Wants(options, InstrumentationOf(start)) &&
         std::any_of(profile.sites.begin(), profile.sites.end(),
                     [start](const Site& site) { return site.kind == start; });
}

// Contexts lead from requests that are made to those that are served. To remember them where only
// one of both is observed would cost each request, for nothing.
bool NeedsContexts(const Profile& profile, const AttachOptions& options) {
  return (Observes(profile, options, SiteKind::kServerStart) ||
          Observes(profile, options, SiteKind::kGrpcServerStart)) &&
         (Observes(profile, options, SiteKind::kClientStart) ||
          Observes(profile, options, SiteKind::kGrpcClientStart));
}

// Without a router there is nothing to look for when a request ends.
bool TellsRoutes(const Profile& profile, const AttachOptions& options) {
  return options.framework_routes &&
         std::any_of(profile.sites.begin(), profile.sites.end(), [&profile](const Site& site) {
           return site.kind == SiteKind::kServerRoute && profile::KnowsRoute(site, profile.fields);
         });
}

bool Injects(const Profile& profile, const AttachOptions& options) {
  return options.inject_traceparent && Wants(options, profile::Instrumentation::kHttpClient) &&
         profile::KnowsInjection(profile);
}

bool IsContext(up_field field) {
  return field == UP_FIELD_REQUEST_CTX || field == UP_FIELD_GRPC_STREAM_CTX ||
         field == UP_FIELD_GRPC_CLIENT_STREAM_CTX;
}

uint64_t AddressOf(const Profile& profile, std::string_view method) {
  const auto found =
      std::find_if(profile.error_methods.begin(), profile.error_methods.end(),
                   [method](const auto& candidate) { return candidate.name == method; });
  return found == profile.error_methods.end() ? 0 : found->address;
}

uint64_t FunctionOf(const Site& site) { return site.virtual_address - site.function_offset; }

void FillErrors(const Profile& profile, up_profile_slot& slot) {
  static_assert(profile::kErrorWrappers.size() <= UP_ERROR_WRAPPERS);
  for (const Site& site : profile.sites) {
    if (site.kind == SiteKind::kClientStart)
      slot.client_function[ClientOf(site)] = FunctionOf(site);
  }
  if (slot.client_function[UP_CLIENT_NET_HTTP] == 0) return;
  slot.error_string_method = AddressOf(profile, profile::kErrorStringMethod);
  size_t index = 0;
  for (const profile::ErrorWrapper& wrapper : profile::kErrorWrappers) {
    slot.error_wrappers[index] = AddressOf(profile, wrapper.method);
    slot.wrapped_errors[index++] = wrapper.offset;
  }
}

// By these addresses the kernel side knows of what kind a body is.
void FillBodies(const Profile& profile, up_profile_slot& slot) {
  slot.flags |= UP_SLOT_CLIENT_BODIES;
  for (const Site& site : profile.sites) {
    if (site.kind == SiteKind::kClientBodyRead) slot.body_read = FunctionOf(site);
    const auto* names = profile::Http2NamesWith(site.function);
    if (names == nullptr) continue;
    if (site.kind == SiteKind::kHttp2ClientBodyClose) {
      slot.body_close[UP_BODY_HTTP2 + names->implementation] = FunctionOf(site);
    } else if (site.kind == SiteKind::kClientGzipBody) {
      slot.body_close[UP_BODY_HTTP2_GZIP + names->implementation] = FunctionOf(site);
    }
  }
}

// By these addresses the kernel side knows which function a handler is.
void FillHandlers(const Profile& profile, up_profile_slot& slot) {
  slot.flags |= UP_SLOT_HANDLERS;
  for (const Site& site : profile.sites) {
    if (const auto place = profile::PlaceOf(site)) slot.places[*place] = FunctionOf(site);
    if (site.kind == SiteKind::kHandlerFunc) slot.handler_func = FunctionOf(site);
    if (site.kind == SiteKind::kOwnHandler) slot.own_handler = FunctionOf(site);
    if (site.kind == SiteKind::kEchoHandler) slot.echo_wrapper = FunctionOf(site);
    if (site.kind == SiteKind::kServeMuxCall) {
      slot.mux_return = site.virtual_address + site.bytes.size();
    }
  }
}

// Which UP_OBJECT_* has the field.
std::optional<unsigned> ObjectOf(std::string_view struct_name) {
  if (struct_name == "net/http.Request") return UP_OBJECT_REQUEST;
  if (struct_name == "net/http.response") return UP_OBJECT_SERVER_RESPONSE;
  if (struct_name == "net/http.Response") return UP_OBJECT_CLIENT_RESPONSE;
  if (struct_name == "net/url.URL") return UP_OBJECT_URL;
  if (struct_name == "runtime.hmap" || struct_name == "internal/runtime/maps.Map") {
    return UP_OBJECT_MAP;
  }
  return std::nullopt;
}

void CoverField(const profile::FieldSpec& field, up_profile_slot& slot) {
  const std::optional<unsigned> object = ObjectOf(field.struct_name);
  if (!object.has_value()) return;
  // What lies further is not read; the programs know that it is not there.
  const uint32_t end = slot.offset[field.index] + uint32_t{UP_OBJECT_FIELD};
  if (end <= UP_OBJECT_MAX) {
    slot.object_bytes[*object] = std::max(slot.object_bytes[*object], static_cast<uint16_t>(end));
  }
}

}  // namespace

up_profile_slot MakeProfileSlot(const Profile& profile, const AttachOptions& options) {
  up_profile_slot slot{};
  if (!options.scoped_pids.empty()) slot.flags |= UP_SLOT_SCOPED;
  if (options.capture_query) slot.flags |= UP_SLOT_CAPTURE_QUERY;
  if (Wants(options, profile::Instrumentation::kGoroutines)) slot.flags |= UP_SLOT_GOROUTINES;
  if (Wants(options, profile::Instrumentation::kChannels)) slot.flags |= UP_SLOT_CHANNELS;
  if (Observes(profile, options, SiteKind::kServerRecover)) slot.flags |= UP_SLOT_CONNECTIONS;
  if (TellsRoutes(profile, options)) slot.flags |= UP_SLOT_ROUTES;
  if (options.stitch_traces) slot.flags |= UP_SLOT_STITCHED;
  if (Injects(profile, options)) slot.flags |= UP_SLOT_INJECTED;
  if (std::any_of(profile.sites.begin(), profile.sites.end(), HasArgumentsOnStack)) {
    slot.flags |= UP_SLOT_STACK_ABI;
  }
  for (const auto& [side, start] : {std::pair(UP_GRPC_SERVER, SiteKind::kGrpcServerStart),
                                    std::pair(UP_GRPC_CLIENT, SiteKind::kGrpcClientStart)}) {
    slot.grpc_status_error[side] = DistanceToFunction(profile, start, SiteKind::kGrpcStatusError);
    slot.grpc_tcp_address[side] = DistanceToFunction(profile, start, SiteKind::kGrpcTcpAddress);
  }
  FillMetadata(profile, slot);
  slot.map_kind = profile.map_kind == profile::MapKind::kSwiss ? UP_MAP_SWISS : UP_MAP_BUCKETS;
  for (const profile::FieldSpec& field : profile::AllFields()) {
    const auto found = profile.fields.find(fmt::format("{}.{}", field.struct_name, field.member));
    if (found == profile.fields.end()) continue;
    if (IsContext(field.index) && !NeedsContexts(profile, options)) continue;
    slot.present[field.index / UP_FIELDS_OF_WORD] |= uint64_t{1}
                                                     << (field.index % UP_FIELDS_OF_WORD);
    slot.offset[field.index] = static_cast<uint16_t>(found->second.offset);
    CoverField(field, slot);
  }
  FillErrors(profile, slot);
  if (options.handler_function && profile::KnowsHandlers(profile)) FillHandlers(profile, slot);
  if (options.client_body && profile::KnowsClientBodies(profile)) FillBodies(profile, slot);
  return slot;
}

}  // namespace uprobed::probe
