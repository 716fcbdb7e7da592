#include "server/profile/profile.h"

#include "gtest/gtest.h"

namespace uprobed::profile {
namespace {

TEST(Profile, NamesItsValuesAndFindsThemAgain) {
  for (const SiteKind kind :
       {SiteKind::kServerStart, SiteKind::kServerEnd, SiteKind::kClientStart,
        SiteKind::kClientResult, SiteKind::kClientError, SiteKind::kClientExchangeError,
        SiteKind::kClientBranch, SiteKind::kHttp2ServerStart, SiteKind::kHttp2ServerEnd,
        SiteKind::kHttp2ServerGoexit, SiteKind::kHttp2ServerPanic, SiteKind::kHttp2ServerAbort,
        SiteKind::kClientConnection, SiteKind::kServerRoute, SiteKind::kClientHeaders}) {
    EXPECT_EQ(SiteKindFromName(Name(kind)), kind);
  }
  for (const CostClass cost : {CostClass::kEmulated, CostClass::kSingleStepped}) {
    EXPECT_EQ(CostClassFromName(Name(cost)), cost);
  }
  for (const Source source : {Source::kSymtab, Source::kPclntab, Source::kDwarf, Source::kTable,
                              Source::kDisassembly, Source::kBuildInfo}) {
    EXPECT_EQ(SourceFromName(Name(source)), source);
  }
  for (const MapKind kind : {MapKind::kBuckets, MapKind::kSwiss}) {
    EXPECT_EQ(MapKindFromName(Name(kind)), kind);
  }
  for (const Instrumentation value : {Instrumentation::kHttpServer, Instrumentation::kHttpClient}) {
    EXPECT_EQ(InstrumentationFromName(Name(value)), value);
  }
}

TEST(Profile, KeepsTheNamesThatAreStored) {
  EXPECT_EQ(Name(SiteKind::kClientBranch), "client_branch");
  EXPECT_EQ(Name(CostClass::kSingleStepped), "single_stepped");
  EXPECT_EQ(Name(Source::kBuildInfo), "build_info");
  EXPECT_EQ(Name(MapKind::kSwiss), "swiss");
  EXPECT_EQ(Name(Instrumentation::kHttpClient), "http_client");
}

TEST(Profile, FindsNothingUnderAnUnknownName) {
  EXPECT_EQ(SiteKindFromName("server"), std::nullopt);
  EXPECT_EQ(CostClassFromName(""), std::nullopt);
  EXPECT_EQ(SourceFromName("DWARF"), std::nullopt);
  EXPECT_EQ(MapKindFromName("bucket"), std::nullopt);
  EXPECT_EQ(InstrumentationFromName("unknown"), std::nullopt);
}

TEST(Profile, HasWhatItHasSitesOf) {
  Profile profile;
  EXPECT_FALSE(profile.Has(Instrumentation::kHttpClient));

  profile.sites.resize(1);
  profile.sites[0].kind = SiteKind::kClientError;

  EXPECT_TRUE(profile.Has(Instrumentation::kHttpClient));
  EXPECT_FALSE(profile.Has(Instrumentation::kHttpServer));
}

}  // namespace
}  // namespace uprobed::profile
