#include "server/probe/profile_slot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "server/probe/site_cookie.h"
#include "server/profile/http2_names.h"
#include "server/profile/sites.h"
#include "tests/unit/probe/sites.h"

namespace uprobed::probe {
namespace {

using profile::MapKind;
using profile::Profile;
using profile::Site;
using profile::SiteKind;
using ::testing::ElementsAre;

TEST(MakeProfileSlot, CarriesKnownFieldsAndLeavesTheOthersOut) {
  Profile profile;
  profile.map_kind = MapKind::kSwiss;
  profile.fields["net/http.Request.Host"] = {
      .offset = 128, .source = profile::Source::kDwarf, .others = {}};
  profile.fields["google.golang.org/genproto/googleapis/rpc/status.Status.Code"] = {
      .offset = 40, .source = profile::Source::kDwarf, .others = {}};

  const up_profile_slot slot = MakeProfileSlot(profile, {});

  EXPECT_THAT(slot.present,
              ElementsAre(uint64_t{1} << UP_FIELD_REQUEST_HOST,
                          uint64_t{1} << (UP_FIELD_GRPC_STATUS_CODE - UP_FIELDS_OF_WORD), 0U));
  EXPECT_EQ(slot.offset[UP_FIELD_REQUEST_HOST], 128);
  EXPECT_EQ(slot.offset[UP_FIELD_GRPC_STATUS_CODE], 40);
  EXPECT_EQ(slot.map_kind, static_cast<uint32_t>(UP_MAP_SWISS));
  EXPECT_EQ(slot.flags, 0U);
}

TEST(MakeProfileSlot, SaysHowMuchOfAStructHoldsItsFields) {
  Profile profile;
  for (const auto& [name, offset] : std::map<std::string, uint32_t>{
           {"Request.Method", 0},
           {"Request.Host", 128},
           {"response.status", 120},
           {"Response.StatusCode", UP_OBJECT_MAX - UP_OBJECT_FIELD + 8}}) {
    profile.fields["net/http." + name] = {
        .offset = offset, .source = profile::Source::kDwarf, .others = {}};
  }

  const up_profile_slot slot = MakeProfileSlot(profile, {});

  EXPECT_THAT(slot.object_bytes, ElementsAre(144, 136, 0, 0, 0)) << "one is too far away";
}

TEST(MakeProfileSlot, CarriesScopeAndCaptureOptions) {
  AttachOptions options;
  options.scoped_pids = {42};
  options.capture_query = true;

  const up_profile_slot slot = MakeProfileSlot(Profile(), options);

  EXPECT_EQ(slot.flags, static_cast<uint32_t>(UP_SLOT_SCOPED | UP_SLOT_CAPTURE_QUERY));
}

TEST(MakeProfileSlot, SaysWhatFindsParents) {
  AttachOptions options;
  options.instrumentations = {profile::Instrumentation::kGoroutines};
  EXPECT_EQ(MakeProfileSlot(Profile(), options).flags, static_cast<uint32_t>(UP_SLOT_GOROUTINES));
  options.instrumentations = {profile::Instrumentation::kChannels};
  EXPECT_EQ(MakeProfileSlot(Profile(), options).flags, static_cast<uint32_t>(UP_SLOT_CHANNELS));
}

TEST(MakeProfileSlot, SaysThatArgumentsAreOnTheStack) {
  Profile profile;
  profile.sites.push_back(MakeSite(SiteKind::kServerEnd, "call 0x10", {"response"}));
  EXPECT_EQ(MakeProfileSlot(profile, {}).flags, 0U);

  profile.sites[0].arguments[0].kind = profile::ArgumentLocation::Kind::kStack;

  EXPECT_EQ(MakeProfileSlot(profile, {}).flags, static_cast<uint32_t>(UP_SLOT_STACK_ABI));
}

TEST(MakeProfileSlot, HasContextsOnlyWhereRequestsAreServedAndMade) {
  constexpr uint64_t kContext = uint64_t{1} << UP_FIELD_REQUEST_CTX;
  Profile profile;
  profile.fields["net/http.Request.ctx"] = {
      .offset = 232, .source = profile::Source::kDwarf, .others = {}};
  profile.sites.push_back(MakeSite(SiteKind::kServerStart, "call 0x10", {"request"}));
  AttachOptions options;
  options.instrumentations = {profile::Instrumentation::kHttpServer,
                              profile::Instrumentation::kHttpClient};
  EXPECT_THAT(MakeProfileSlot(profile, options).present, ElementsAre(0U, 0U, 0U));

  profile.sites.push_back(MakeSite(SiteKind::kClientStart, "push %rbp", {"request"}));
  EXPECT_THAT(MakeProfileSlot(profile, options).present, ElementsAre(kContext, 0U, 0U));

  options.instrumentations = {profile::Instrumentation::kHttpServer};
  EXPECT_THAT(MakeProfileSlot(profile, options).present, ElementsAre(0U, 0U, 0U));
}

TEST(MakeProfileSlot, KnowsWhatWrapsErrorsByWhereTheirMethodsAre) {
  Profile profile;
  profile.error_methods = {{0x1000, "errors.(*errorString).Error"},
                           {0x2000, "main.refusal.Error"},
                           {0x3000, "net.(*OpError).Error"}};
  EXPECT_EQ(MakeProfileSlot(profile, {}).error_string_method, 0U) << "without a client";
  profile.sites.push_back(MakeSite(SiteKind::kClientStart, "push %rbp", {"request"}));
  profile.sites[0].virtual_address = 0x5010;
  profile.sites[0].function_offset = 0x10;

  const up_profile_slot slot = MakeProfileSlot(profile, {});

  EXPECT_EQ(slot.client_function[UP_CLIENT_NET_HTTP], 0x5000U);
  EXPECT_EQ(slot.error_string_method, 0x1000U);
  std::map<uint64_t, uint16_t> wrappers;
  for (size_t i = 0; i < UP_ERROR_WRAPPERS; ++i) {
    if (slot.error_wrappers[i] != 0) wrappers[slot.error_wrappers[i]] = slot.wrapped_errors[i];
  }
  EXPECT_EQ(wrappers, (std::map<uint64_t, uint16_t>{{0x3000, 64}}));
}

TEST(MakeProfileSlot, TakesNoErrorOnTheStackForTheArgumentsOfACall) {
  Profile profile;
  profile.sites.push_back(MakeSite(SiteKind::kClientError, "nop", {"error", "error_data"}));
  profile.sites[0].arguments[1].kind = profile::ArgumentLocation::Kind::kStack;

  EXPECT_EQ(MakeProfileSlot(profile, {}).flags, 0U);
}

TEST(MakeProfileSlot, KnowsEachClientByItsFunction) {
  Profile profile;
  for (const char* function :
       {"net/http.(*Transport).roundTrip", "golang.org/x/net/http2.(*Transport).RoundTripOpt"}) {
    Site site = MakeSite(SiteKind::kClientStart, "push %rbp", {"request"});
    site.function = function;
    site.virtual_address = 0x5010 + 0x1000 * profile.sites.size();
    site.function_offset = 0x10;
    profile.sites.push_back(site);
  }

  const up_profile_slot slot = MakeProfileSlot(profile, {});

  EXPECT_EQ(slot.client_function[UP_CLIENT_NET_HTTP], 0x5000U);
  EXPECT_EQ(slot.client_function[UP_CLIENT_MODULE], 0x6000U);
  EXPECT_EQ(MakeSiteCookie(profile.sites[0], 7) >> UP_COOKIE_CLIENT_SHIFT & UP_COOKIE_CLIENT_MASK,
            uint64_t{UP_CLIENT_NET_HTTP});
  EXPECT_EQ(MakeSiteCookie(profile.sites[1], 7) >> UP_COOKIE_CLIENT_SHIFT & UP_COOKIE_CLIENT_MASK,
            uint64_t{UP_CLIENT_MODULE});
}

TEST(MakeProfileSlot, CarriesDistancesToWhatGrpcIsKnownBy) {
  Profile profile;
  const auto add = [&profile](SiteKind kind, uint64_t address, uint32_t function_offset) {
    Site site;
    site.kind = kind;
    site.virtual_address = address;
    site.function_offset = function_offset;
    if (kind == SiteKind::kGrpcMetadataKey) site.bytes = {0x48, 0x8d, 0x1d, 0, 0x10, 0, 0};
    profile.sites.push_back(site);
  };
  add(SiteKind::kGrpcServerStart, 0x5006, 6);
  add(SiteKind::kGrpcClientStart, 0x7100, 0x100);
  add(SiteKind::kGrpcValueContext, 0x1004, 4);
  add(SiteKind::kGrpcTcpAddress, 0x2004, 4);
  add(SiteKind::kGrpcMetadataKey, 0x8000, 0);
  profile.fields["google.golang.org/grpc/internal/transport.Stream.ctx"] = {
      .offset = 48, .source = profile::Source::kDwarf, .others = {}};

  const up_profile_slot slot = MakeProfileSlot(profile, {});

  EXPECT_EQ(slot.grpc_value_context, 0x1000 - 0x5006);
  EXPECT_EQ(slot.grpc_tcp_address[UP_GRPC_SERVER], 0x2000 - 0x5006);
  EXPECT_EQ(slot.grpc_tcp_address[UP_GRPC_CLIENT], 0x2000 - 0x7100);
  EXPECT_EQ(slot.grpc_metadata_key, 0x8000 + 7 + 0x1000 - 0x5006);
  EXPECT_EQ(slot.grpc_metadata_ctx, 48U);
  // The context leads to no request where only one side is observed, and to metadata even so.
  EXPECT_THAT(slot.present, ElementsAre(0U, 0U, 0U));
}

TEST(MakeProfileSlot, WithoutAContextHasNoMetadata) {
  Profile profile;
  Site key;
  key.kind = SiteKind::kGrpcMetadataKey;
  key.bytes = {0x48, 0x8d, 0x1d, 0, 0x10, 0, 0};
  Site start;
  start.kind = SiteKind::kGrpcServerStart;
  profile.sites = {start, key};

  EXPECT_EQ(MakeProfileSlot(profile, {}).grpc_metadata_key, 0);
}

TEST(MakeProfileSlot, KnowsBodiesByTheirFunctions) {
  Profile profile;
  profile.fields["net/http.Response.Body"].offset = 64;
  profile.fields["net/http.bodyEOFSignal.fn"].offset = 48;
  uint64_t address = 0x1000;
  for (const auto& [kind, function] : std::vector<std::pair<SiteKind, std::string>>{
           {SiteKind::kClientBodyRead, "net/http.(*persistConn).readLoop.func4"},
           {SiteKind::kClientBodyClose, "net/http.(*bodyEOFSignal).Close"},
           {SiteKind::kHttp2ClientBodyClose, "golang.org/x/net/http2.transportResponseBody.Close"},
           {SiteKind::kClientGzipBody, "net/http/internal/http2.(*gzipReader).Close"}}) {
    Site site = MakeSite(kind, "push rbp", {});
    site.function = function;
    site.virtual_address = address + 4;
    site.function_offset = 4;
    profile.sites.push_back(site);
    address += 0x1000;
  }
  AttachOptions options;
  options.client_body = true;

  const up_profile_slot slot = MakeProfileSlot(profile, options);

  EXPECT_EQ(slot.flags, static_cast<uint32_t>(UP_SLOT_CLIENT_BODIES));
  EXPECT_EQ(slot.body_read, 0x1000U);
  EXPECT_THAT(slot.body_close, ElementsAre(0, 0, 0x3000, 0, 0x4000, 0));
  profile.fields.clear();
  EXPECT_EQ(MakeProfileSlot(profile, options).flags, 0U);
}

TEST(MakeProfileSlot, KnowsTheFunctionsThatTellHandlersOnlyWhereAsked) {
  const Profile profile = WithHandlers();
  AttachOptions options;
  EXPECT_EQ(MakeProfileSlot(profile, options).flags & UP_SLOT_HANDLERS, 0U);
  options.handler_function = true;

  const up_profile_slot slot = MakeProfileSlot(profile, options);

  EXPECT_EQ(slot.flags, uint32_t{UP_SLOT_HANDLERS});
  EXPECT_EQ(slot.places[UP_PLACE_SERVER], 0x1000U);
  EXPECT_EQ(slot.places[UP_PLACE_MUX_LOOKUP], 0x2000U);
  EXPECT_EQ(slot.places[UP_PLACE_MUX_FIND], 0x3000U);
  EXPECT_EQ(slot.mux_return, 0x4045U);
  EXPECT_EQ(slot.handler_func, 0x5000U);
}

TEST(MakeProfileSlot, TellsNoHandlersWhereAKindOfSiteIsMissing) {
  AttachOptions options;
  options.handler_function = true;
  for (size_t i = 1; i < WithHandlers().sites.size(); ++i) {
    Profile profile = WithHandlers();
    profile.sites.erase(profile.sites.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_EQ(MakeProfileSlot(profile, options).flags, 0U) << i;
  }
}

TEST(MakeProfileSlot, InjectsOnlyWhereItIsAskedForAndKnownHow) {
  Profile profile;
  profile.sites = {MakeSite(SiteKind::kClientConnection, "push %rbp", {"connection"}),
                   MakeSite(SiteKind::kClientHeaders, "call 0x10", {"writer"})};
  for (const char* field : {"net/http.Request.Header", "net/http.persistConn.bw",
                            "bufio.Writer.err", "bufio.Writer.buf", "bufio.Writer.n"}) {
    profile.fields[field] = {.offset = 8, .source = profile::Source::kDwarf, .others = {}};
  }
  AttachOptions options;
  options.instrumentations = {profile::Instrumentation::kHttpClient};
  EXPECT_EQ(MakeProfileSlot(profile, options).flags, 0U);
  options.stitch_traces = true;
  EXPECT_EQ(MakeProfileSlot(profile, options).flags, uint32_t{UP_SLOT_STITCHED});
  options.stitch_traces = false;
  options.inject_traceparent = true;
  EXPECT_EQ(MakeProfileSlot(profile, options).flags, uint32_t{UP_SLOT_INJECTED});
  profile.sites.pop_back();
  EXPECT_EQ(MakeProfileSlot(profile, options).flags, 0U);
}

TEST(MakeProfileSlot, LooksForRoutesOnlyWhereARouterTellsThem) {
  Profile profile;
  profile.sites = {MakeSite(SiteKind::kServerRoute, "call 0x10", {"route"})};
  profile.sites[0].function = "github.com/gin-gonic/gin.(*Engine).ServeHTTP";
  AttachOptions options;
  options.framework_routes = true;

  EXPECT_EQ(MakeProfileSlot(profile, options).flags, 0U);
  profile.fields["github.com/gin-gonic/gin.Context.fullPath"] = {
      .offset = 112, .source = profile::Source::kDwarf, .others = {}};
  EXPECT_EQ(MakeProfileSlot(profile, options).flags, uint32_t{UP_SLOT_ROUTES});
  EXPECT_EQ(MakeProfileSlot(profile, {}).flags, 0U);
  profile.sites.clear();
  EXPECT_EQ(MakeProfileSlot(profile, options).flags, 0U);
}

}  // namespace
}  // namespace uprobed::probe
