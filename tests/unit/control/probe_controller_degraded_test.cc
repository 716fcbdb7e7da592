#include "server/profile/handler_sites.h"
#include "server/profile/response_sites.h"
#include "tests/unit/control/controller_fixture.h"

namespace uprobed::control {
namespace {

using profile::Instrumentation;
using ::testing::ElementsAre;

// Probes that ask for something that a binary does not have.
class DegradedTest : public ControllerTest {
 protected:
  // The profile of a Go program, as if it could not have one instrumentation.
  void StoreWithout(const std::string& path, Instrumentation missing) {
    absl::StatusOr<ResolvedProfile> resolved = catalog_->ResolveTarget(path, 0, false);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    profile::Profile& profile = resolved->profile;
    std::erase_if(profile.sites, [missing](const profile::Site& site) {
      return profile::InstrumentationOf(site.kind) == missing;
    });
    profile.absences.push_back(
        {.instrumentation = missing, .reason = "SITE_NOT_FOUND", .message = "no such function"});
    ASSERT_TRUE(store_->PutProfile(profile, path, false, 1).ok());
  }

  // Why a probe that asks for something is not active, where the profile was changed before; "OK"
  // where it is.
  template <typename Ask, typename Change>
  std::string ReasonOfProbe(const std::string& name, const std::string& path, const Ask& ask,
                            const Change& change) {
    absl::StatusOr<ResolvedProfile> resolved = catalog_->ResolveTarget(path, 0, false);
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    if (!resolved.ok()) return ReasonOf(resolved.status());
    change(resolved->profile);
    EXPECT_TRUE(store_->PutProfile(resolved->profile, path, false, 1).ok());
    store::ProbeRecord record = Record(name, path);
    ask(record.spec);
    const absl::StatusOr<Probe> probe = Create(record);
    EXPECT_TRUE(probe.ok()) << probe.status();
    EXPECT_TRUE(controller_->Delete(name, "", false).ok());
    if (!probe.ok()) return ReasonOf(probe.status());
    return probe->status.error.ok() ? "OK" : ReasonOf(probe->status.error);
  }
};

TEST_F(DegradedTest, IsActiveWithoutWhatNobodyAskedFor) {
  const std::string shop = Binary("shop");
  StoreWithout(shop, Instrumentation::kHttpServer);

  const absl::StatusOr<Probe> probe = Create(Record("web", shop));

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.state, ProbeState::kActive);
  EXPECT_THAT(backend_.live().begin()->second.options.instrumentations,
              ElementsAre(Instrumentation::kHttpClient));
}

TEST_F(DegradedTest, IsDegradedWithoutSomethingNamed) {
  const std::string shop = Binary("shop");
  StoreWithout(shop, Instrumentation::kHttpServer);
  store::ProbeRecord record = Record("web", shop);
  record.spec.instrumentations = {Instrumentation::kHttpClient, Instrumentation::kHttpServer};

  const absl::StatusOr<Probe> probe = Create(record);

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.state, ProbeState::kDegraded);
  EXPECT_EQ(ReasonOf(probe->status.error), "SITE_NOT_FOUND");
  EXPECT_GT(probe->status.attached_sites, 0u);
}

TEST_F(DegradedTest, IsDegradedWithoutWhatTracesAreStitchedBy) {
  const auto without = [this](const std::string& name, auto change) {
    return ReasonOfProbe(
        name, Binary(name), [](store::ProbeSpec& spec) { spec.stitch_traces = true; }, change);
  };
  EXPECT_EQ(without("whole", [](profile::Profile&) {}), "OK");
  EXPECT_EQ(without("fieldless",
                    [](profile::Profile& p) { p.fields.erase("net/http.persistConn.conn"); }),
            "STITCHING_UNAVAILABLE");
  EXPECT_EQ(without("siteless",
                    [](profile::Profile& p) {
                      std::erase_if(p.sites, [](const profile::Site& site) {
                        return site.kind == profile::SiteKind::kClientConnection;
                      });
                    }),
            "STITCHING_UNAVAILABLE");
}

TEST_F(DegradedTest, IsDegradedWithoutWhatTraceparentIsInjectedBy) {
  const auto inject = [](store::ProbeSpec& spec) { spec.inject_traceparent = true; };
  const auto without = [&](const std::string& name, auto change) {
    return ReasonOfProbe(name, Binary(name), inject, change);
  };
  const auto without_site = [&](const std::string& name, profile::SiteKind kind) {
    return without(name, [kind](profile::Profile& p) {
      std::erase_if(p.sites, [kind](const profile::Site& site) { return site.kind == kind; });
    });
  };
  EXPECT_EQ(without("whole", [](profile::Profile&) {}), "OK");
  EXPECT_EQ(without("fieldless", [](profile::Profile& p) { p.fields.erase("bufio.Writer.n"); }),
            "INJECTION_UNAVAILABLE");
  EXPECT_EQ(without_site("siteless", profile::SiteKind::kClientHeaders), "INJECTION_UNAVAILABLE");
  EXPECT_EQ(without_site("unconnected", profile::SiteKind::kClientConnection),
            "INJECTION_UNAVAILABLE");
  const auto server_only = [&inject](store::ProbeSpec& spec) {
    inject(spec);
    spec.instrumentations = {Instrumentation::kHttpServer};
  };
  EXPECT_EQ(
      ReasonOfProbe("unobserved", Binary("unobserved"), server_only, [](profile::Profile&) {}),
      "INJECTION_UNAVAILABLE");
}

// As the backend does where the kernel is locked down.
TEST_F(DegradedTest, FailsWhereTheKernelLetsNobodyInject) {
  backend_.RefuseInjection(MakeError(absl::StatusCode::kFailedPrecondition, "INJECTION_UNAVAILABLE",
                                     "the kernel is locked down"));
  store::ProbeRecord record = Record("web", Binary("shop"));
  record.spec.inject_traceparent = true;

  const absl::StatusOr<Probe> refused = Create(record);
  const absl::StatusOr<Probe> without = Create(Record("without", Binary("other")));

  EXPECT_EQ(ReasonOf(refused.ok() ? refused->status.error : refused.status()),
            "INJECTION_UNAVAILABLE");
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_EQ(without->status.state, ProbeState::kActive);
}

TEST_F(DegradedTest, IsDegradedWhereTracesAreToBeStitchedToWhatIsNotObserved) {
  store::ProbeRecord record = Record("web", Binary("shop"));
  record.spec.instrumentations = {Instrumentation::kHttpServer};
  record.spec.stitch_traces = true;

  const absl::StatusOr<Probe> probe = Create(record);

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.state, ProbeState::kDegraded);
  EXPECT_EQ(ReasonOf(probe->status.error), "STITCHING_UNAVAILABLE");
}

TEST_F(DegradedTest, IsDegradedWithoutWhatTellsMoreOfResponses) {
  const auto without = [this](const std::string& name, auto ask, auto change) {
    return ReasonOfProbe(name, Binary(name), ask, change);
  };
  const auto first_byte = [](store::ProbeSpec& spec) { spec.server_first_byte = true; };
  const auto body = [](store::ProbeSpec& spec) { spec.client_body = true; };
  const auto nothing = [](profile::Profile&) {};
  const auto no_response_sites = [](profile::Profile& p) {
    std::erase_if(p.sites, [](const auto& site) { return profile::IsResponseSite(site.kind); });
  };
  EXPECT_EQ(without("first", first_byte, nothing), "OK");
  EXPECT_EQ(without("body", body, nothing), "OK");
  EXPECT_EQ(without("first-siteless", first_byte, no_response_sites), "TIMING_UNAVAILABLE");
  EXPECT_EQ(without("body-siteless", body, no_response_sites), "TIMING_UNAVAILABLE");
  EXPECT_EQ(without("first-fieldless", first_byte,
                    [](profile::Profile& p) { p.fields.erase("net/http.chunkWriter.res"); }),
            "TIMING_UNAVAILABLE");
  EXPECT_EQ(without("body-fieldless", body,
                    [](profile::Profile& p) { p.fields.erase("net/http.Response.Body"); }),
            "TIMING_UNAVAILABLE");
  const auto client_only = [&first_byte](store::ProbeSpec& spec) {
    first_byte(spec);
    spec.instrumentations = {Instrumentation::kHttpClient};
  };
  EXPECT_EQ(without("unobserved", client_only, nothing), "TIMING_UNAVAILABLE");
}

TEST_F(DegradedTest, IsDegradedWithoutWhatTellsHandlers) {
  const auto ask = [](store::ProbeSpec& spec) { spec.handler_function = true; };
  const auto reason = [&](const std::string& name, auto change) {
    return ReasonOfProbe(name, Binary(name), ask, change);
  };
  EXPECT_EQ(reason("known", [](profile::Profile&) {}), "OK");
  EXPECT_EQ(reason("siteless",
                   [](profile::Profile& p) {
                     std::erase_if(p.sites, [](const auto& site) {
                       return profile::IsHandlerSite(site.kind);
                     });
                   }),
            "HANDLER_FUNCTION_UNAVAILABLE");
  const auto client_only = [&ask](store::ProbeSpec& spec) {
    ask(spec);
    spec.instrumentations = {Instrumentation::kHttpClient};
  };
  EXPECT_EQ(
      ReasonOfProbe("unobserved", Binary("unobserved"), client_only, [](profile::Profile&) {}),
      "HANDLER_FUNCTION_UNAVAILABLE");
}

// One without any router is not: probe_controller_change_test.cc.
TEST_F(DegradedTest, IsDegradedWhereARouterKeepsItsRoutesSomewhereElse) {
  const std::filesystem::path router = testing::TargetsDir() / "routes-gin-go1.16.15-stripped";
  if (!std::filesystem::exists(router)) GTEST_SKIP() << "no router; run scripts/build_targets";
  const auto reason = [&](const std::string& name, bool asked, bool known) -> std::string {
    const std::string path = dir_.File(name);
    std::filesystem::copy_file(router, path, std::filesystem::copy_options::overwrite_existing);
    return ReasonOfProbe(
        name, path, [asked](store::ProbeSpec& spec) { spec.framework_routes = asked; },
        [known](profile::Profile& p) {
          if (!known) p.fields.erase("github.com/gin-gonic/gin.Context.fullPath");
        });
  };

  EXPECT_EQ(reason("known", true, true), "OK");
  EXPECT_EQ(reason("unknown", true, false), "ROUTES_UNAVAILABLE");
  EXPECT_EQ(reason("unasked", false, false), "OK");
}

TEST_F(DegradedTest, IsDegradedWithoutWhatShouldFindParents) {
  const std::string shop = Binary("shop");
  StoreWithout(shop, Instrumentation::kChannels);
  store::ProbeRecord record = Record("web", shop);
  record.spec.causality_goroutines = true;
  record.spec.causality_channels = true;

  const absl::StatusOr<Probe> probe = Create(record);

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.state, ProbeState::kDegraded);
  EXPECT_EQ(ReasonOf(probe->status.error), "SITE_NOT_FOUND");
  EXPECT_THAT(backend_.live().begin()->second.options.instrumentations,
              ElementsAre(Instrumentation::kHttpServer, Instrumentation::kHttpClient,
                          Instrumentation::kGoroutines));
}

TEST_F(DegradedTest, RefusesWhereAllThatIsNamedIsMissing) {
  const std::string shop = Binary("shop");
  StoreWithout(shop, Instrumentation::kHttpServer);
  store::ProbeRecord record = Record("web", shop);
  record.spec.instrumentations = {Instrumentation::kHttpServer};
  EXPECT_EQ(Refusal(record), "SITE_NOT_FOUND");
}

}  // namespace
}  // namespace uprobed::control
