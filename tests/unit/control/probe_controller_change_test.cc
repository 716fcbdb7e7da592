#include "tests/unit/control/controller_fixture.h"

namespace uprobed::control {
namespace {

using profile::Instrumentation;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::chrono::milliseconds kNoWait{0};

class ChangeTest : public ControllerTest {
 protected:
  void SetUp() override {
    ControllerTest::SetUp();
    if (IsSkipped()) return;
    shop_ = Binary("shop");
    const absl::StatusOr<Probe> created = Create(Record("web", shop_));
    ASSERT_TRUE(created.ok()) << created.status();
    record_ = created->record;
  }
  absl::StatusOr<Probe> Update(const std::string& etag = "", bool validate_only = false) {
    return controller_->Update(record_, etag, validate_only);
  }
  std::string Etag() { return controller_->Get("web")->etag(); }

  std::string shop_;
  store::ProbeRecord record_;
};

TEST_F(ChangeTest, DisablingDetachesAndKeepsTheProbe) {
  record_.spec.enabled = false;
  unix_ns_ += 5;

  const absl::StatusOr<Probe> probe = Update();

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.state, ProbeState::kDisabled);
  EXPECT_EQ(probe->status.transition_time_unix_ns, unix_ns_);
  EXPECT_EQ(probe->status.observed_generation, 2);
  EXPECT_EQ(probe->record.update_time_unix_ns, unix_ns_);
  EXPECT_THAT(backend_.live(), IsEmpty());
  EXPECT_THAT(*store_->ListProbes(), ElementsAre(probe->record));

  record_.spec.enabled = true;
  EXPECT_EQ(Update()->status.state, ProbeState::kActive);
  EXPECT_EQ(backend_.live().size(), 1u);
}

TEST_F(ChangeTest, AttachesAnewWithOtherOptions) {
  record_.spec.instrumentations = {Instrumentation::kHttpServer};
  record_.spec.capture_query = true;
  backend_.Count(0, UP_COUNTER_EVENTS_SUBMITTED, 3);

  const absl::StatusOr<Probe> probe = Update();

  ASSERT_TRUE(probe.ok()) << probe.status();
  const auto live = backend_.live();
  ASSERT_EQ(live.size(), 1u);
  EXPECT_THAT(live.begin()->second.options.instrumentations,
              ElementsAre(Instrumentation::kHttpServer));
  EXPECT_TRUE(live.begin()->second.options.capture_query);
  EXPECT_TRUE(directory_->Find(live.begin()->first, 1, 0)->capture_query);
  EXPECT_EQ(probe->status.counters.value[UP_COUNTER_EVENTS_SUBMITTED], 3u);
}

TEST_F(ChangeTest, AttachesAnewToStitchTraces) {
  EXPECT_FALSE(backend_.live().begin()->second.options.stitch_traces);
  record_.spec.stitch_traces = true;

  const absl::StatusOr<Probe> probe = Update();

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.state, ProbeState::kActive);
  ASSERT_EQ(backend_.live().size(), 1u);
  EXPECT_TRUE(backend_.live().begin()->second.options.stitch_traces);
}

TEST_F(ChangeTest, AttachesAnewToTellMoreOfResponses) {
  record_.spec.server_first_byte = true;
  ASSERT_TRUE(Update().ok());
  ASSERT_EQ(backend_.live().size(), 1u);
  EXPECT_TRUE(backend_.live().begin()->second.options.server_first_byte);
  EXPECT_FALSE(backend_.live().begin()->second.options.client_body);

  record_.spec.client_body = true;
  ASSERT_TRUE(Update().ok());
  ASSERT_EQ(backend_.live().size(), 1u);
  EXPECT_TRUE(backend_.live().begin()->second.options.client_body);
}

TEST_F(ChangeTest, AttachesAnewForTheRoutesOfRouters) {
  EXPECT_FALSE(backend_.live().begin()->second.options.framework_routes);
  record_.spec.framework_routes = true;

  const absl::StatusOr<Probe> probe = Update();

  ASSERT_TRUE(probe.ok()) << probe.status();
  // A program without a router lacks nothing.
  EXPECT_EQ(probe->status.state, ProbeState::kActive);
  ASSERT_EQ(backend_.live().size(), 1u);
  EXPECT_TRUE(backend_.live().begin()->second.options.framework_routes);
}

TEST_F(ChangeTest, AttachesAnewToInjectTraceparent) {
  EXPECT_FALSE(backend_.live().begin()->second.options.inject_traceparent);
  record_.spec.inject_traceparent = true;

  const absl::StatusOr<Probe> probe = Update();

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.state, ProbeState::kActive);
  ASSERT_EQ(backend_.live().size(), 1u);
  EXPECT_TRUE(backend_.live().begin()->second.options.inject_traceparent);
}

TEST_F(ChangeTest, AttachesAnewForTheFunctionsThatServe) {
  EXPECT_FALSE(backend_.live().begin()->second.options.handler_function);
  record_.spec.handler_function = true;

  const absl::StatusOr<Probe> probe = Update();

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.state, ProbeState::kActive);
  ASSERT_EQ(backend_.live().size(), 1u);
  EXPECT_TRUE(backend_.live().begin()->second.options.handler_function);
  const uint32_t slot = backend_.live().begin()->first;
  const auto names = directory_->Find(slot, 1, 0)->function_names;
  ASSERT_NE(names, nullptr);
  EXPECT_GT(names->size(), 1000u);

  record_.spec.handler_function = false;
  ASSERT_TRUE(Update().ok());
  const uint32_t without = backend_.live().begin()->first;
  EXPECT_EQ(directory_->Find(without, 1, 0)->function_names, nullptr);
}

TEST_F(ChangeTest, AttachesAnewToFindParents) {
  record_.spec.causality_channels = true;

  const absl::StatusOr<Probe> probe = Update();

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.state, ProbeState::kActive);
  const auto live = backend_.live();
  ASSERT_EQ(live.size(), 1u);
  EXPECT_THAT(live.begin()->second.options.instrumentations,
              ::testing::Contains(Instrumentation::kChannels));
}

TEST_F(ChangeTest, LimitsSpansWithoutAttachingAnew) {
  const uint32_t slot = backend_.live().begin()->first;
  record_.spec.span_limits = {.methods = {"GET"}, .sample_ratio = 0.5};

  const absl::StatusOr<Probe> probe = Update();

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->record.spec.span_limits, record_.spec.span_limits);
  EXPECT_EQ(backend_.attempts(), 1);
  EXPECT_EQ(backend_.detaches(), 0);
  EXPECT_EQ(backend_.live().at(slot).options.span_limits, record_.spec.span_limits);
}

TEST_F(ChangeTest, LimitsSpansAsSoonAsTheKernelLetsIt) {
  const uint32_t slot = backend_.live().begin()->first;
  backend_.RefuseSpanLimits(absl::InternalError("no"));
  record_.spec.span_limits = {.methods = {"GET"}};
  ASSERT_TRUE(Update().ok());
  EXPECT_FALSE(backend_.live().at(slot).options.span_limits.any());

  backend_.RefuseSpanLimits(absl::OkStatus());
  controller_->ReconcileNow();

  EXPECT_EQ(backend_.live().at(slot).options.span_limits, record_.spec.span_limits);
}

TEST_F(ChangeTest, KeepsLimitsWhereItAttachesAnew) {
  record_.spec.span_limits = {.methods = {"GET"}};
  record_.spec.capture_query = true;

  ASSERT_TRUE(Update().ok());

  EXPECT_EQ(backend_.live().begin()->second.options.span_limits, record_.spec.span_limits);
}

TEST_F(ChangeTest, KeepsWhatIsCountedUntilTheLastSiteIsGone) {
  backend_.SetDuringDetach(
      [this](uint32_t slot) { backend_.Count(slot, UP_COUNTER_EVENTS_SUBMITTED, 1); });
  record_.spec.capture_query = true;

  const absl::StatusOr<Probe> probe = Update();

  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->status.counters.value[UP_COUNTER_EVENTS_SUBMITTED], 1u);
}

TEST_F(ChangeTest, AttachesAReplacedFileAnewToo) {
  proc_.AddProcess(40, Replace(shop_));
  ASSERT_EQ(Reconciled("web").attached_binaries, 2u);
  record_.spec.capture_query = true;

  EXPECT_EQ(Update()->status.attached_binaries, 2u);
  for (const auto& [slot, attached] : backend_.live()) {
    EXPECT_TRUE(attached.options.capture_query) << slot;
  }
}

TEST_F(ChangeTest, RenamesTheServiceWithoutDetaching) {
  const uint32_t slot = backend_.live().begin()->first;
  up_http_event event{};
  event.kind = UP_EVENT_HTTP_SERVER;
  event.slot = slot;
  event.status = 70000;
  directory_->Check(event);
  record_.spec.service_name = "front";
  ASSERT_TRUE(Update().ok());
  EXPECT_EQ(backend_.attempts(), 1);
  EXPECT_EQ(directory_->Find(backend_.live().begin()->first, 1, 0)->service_name, "front");
  EXPECT_FALSE(directory_->Findings(slot).empty());  // what was learnt is kept
}

TEST_F(ChangeTest, AnUpdateWithoutChangeIsNone) {
  const absl::StatusOr<Probe> probe = Update(Etag());
  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->record.generation, 1);
}

TEST_F(ChangeTest, LabelsChangeTheGenerationButNotTheAttachment) {
  record_.labels = {{"team", "web"}};
  EXPECT_EQ(Update()->record.generation, 2);
  EXPECT_EQ(backend_.attempts(), 1);
}

TEST_F(ChangeTest, ValidatesWithoutEffect) {
  record_.spec.enabled = false;
  const absl::StatusOr<Probe> probe = Update("", true);
  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_EQ(probe->record.generation, 2);
  EXPECT_EQ(controller_->Get("web")->record.generation, 1);
  EXPECT_EQ(store_->ListProbes()->front().generation, 1);
  EXPECT_EQ(backend_.live().size(), 1u);
}

TEST_F(ChangeTest, RefusesAStaleEtag) {
  const std::string stale = Etag();
  record_.spec.capture_query = true;
  ASSERT_TRUE(Update(stale).ok());
  record_.spec.capture_query = false;

  const absl::StatusOr<Probe> late = Update(stale);
  EXPECT_EQ(late.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(late.status()), "ETAG_MISMATCH");
  EXPECT_TRUE(controller_->Get("web")->record.spec.capture_query);
  EXPECT_EQ(ReasonOf(controller_->Delete("web", stale, false)), "ETAG_MISMATCH");
  EXPECT_TRUE(controller_->Get("web").ok());
}

TEST_F(ChangeTest, RefusesAnotherTarget) {
  record_.spec.binary_path = "/bin/true";
  EXPECT_EQ(ReasonOf(Update().status()), "TARGET_IMMUTABLE");
  record_.spec.binary_path.clear();
  record_.spec.pid = 40;
  EXPECT_EQ(ReasonOf(Update().status()), "TARGET_IMMUTABLE");
  record_.spec.pid = 0;
  EXPECT_TRUE(Update().ok());
  EXPECT_EQ(controller_->Get("web")->record.spec.binary_path, shop_);
}

TEST_F(ChangeTest, RefusesInstrumentationsThatTheBinaryHasNot) {
  absl::StatusOr<profile::Profile> profile = catalog_->Get(StatusOf("web").profile_id);
  ASSERT_TRUE(profile.ok());
  std::erase_if(profile->sites, [](const profile::Site& site) {
    return profile::InstrumentationOf(site.kind) == Instrumentation::kHttpServer;
  });
  profile->absences = {{.instrumentation = Instrumentation::kHttpServer,
                        .reason = "SITE_NOT_FOUND",
                        .message = "no such function"}};
  ASSERT_TRUE(store_->PutProfile(*profile, shop_, false, 1).ok());
  record_.spec.instrumentations = {Instrumentation::kHttpServer};

  EXPECT_EQ(ReasonOf(Update().status()), "SITE_NOT_FOUND");
  EXPECT_EQ(controller_->Get("web")->record.generation, 1);
}

TEST_F(ChangeTest, KnowsNoProbeOfAnotherName) {
  record_.id = "other";
  EXPECT_EQ(ReasonOf(Update().status()), "PROBE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(controller_->Delete("other", "", false)), "PROBE_NOT_FOUND");
  EXPECT_TRUE(controller_->Delete("other", "", true).ok());
}

TEST_F(ChangeTest, DeletingDetachesAndForgets) {
  directory_->CountSpan(0);
  EXPECT_EQ(StatusOf("web").spans, 1u);

  ASSERT_TRUE(controller_->Delete("web", Etag(), false).ok());

  EXPECT_THAT(backend_.live(), IsEmpty());
  EXPECT_THAT(*store_->ListProbes(), IsEmpty());
  EXPECT_EQ(ReasonOf(controller_->Get("web").status()), "PROBE_NOT_FOUND");
  const absl::StatusOr<Probe> again = Create(Record("web", shop_));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_NE(again->record.uid, record_.uid);
  EXPECT_EQ(again->status.spans, 0u);
  EXPECT_EQ(again->status.counters.value[UP_COUNTER_EVENTS_SUBMITTED], 0u);
}

TEST_F(ChangeTest, ListsInOrderPageByPage) {
  ASSERT_TRUE(Create(Record("api", Binary("api", 1))).ok());
  const auto ids = [](const std::vector<Probe>& probes) {
    std::vector<std::string> names;
    for (const Probe& probe : probes) names.push_back(probe.record.id);
    return names;
  };
  EXPECT_THAT(ids(controller_->List("", 10)), ElementsAre("api", "web"));
  EXPECT_THAT(ids(controller_->List("", 1)), ElementsAre("api"));
  EXPECT_THAT(ids(controller_->List("api", 10)), ElementsAre("web"));
  EXPECT_THAT(ids(controller_->List("web", 10)), IsEmpty());
}

TEST_F(ChangeTest, WatchersSeeEachChangeOnce) {
  const auto watch = controller_->Watch(0);
  ASSERT_TRUE(watch.ok());
  const ProbeWatch::Batch present = (*watch)->Next(kNoWait);
  ASSERT_EQ(present.events.size(), 1u);
  EXPECT_EQ(present.events[0].probe.status.state, ProbeState::kActive);

  ASSERT_TRUE(Create(Record("api", Binary("api", 1))).ok());
  record_.spec.enabled = false;
  ASSERT_TRUE(Update().ok());
  backend_.Count(1, UP_COUNTER_EVENTS_SUBMITTED, 1);
  controller_->ReconcileNow();
  ASSERT_TRUE(controller_->Delete("api", "", false).ok());

  const ProbeWatch::Batch batch = (*watch)->Next(kNoWait);
  ASSERT_EQ(batch.events.size(), 3u);
  EXPECT_EQ(batch.events[0].type, ProbeEvent::Type::kAdded);
  EXPECT_EQ(batch.events[0].probe.status.state, ProbeState::kActive);
  EXPECT_EQ(batch.events[1].type, ProbeEvent::Type::kModified);
  EXPECT_EQ(batch.events[1].probe.status.state, ProbeState::kDisabled);
  EXPECT_EQ(batch.events[2].type, ProbeEvent::Type::kDeleted);
  EXPECT_EQ(batch.events[2].probe.record.id, "api");

  const auto resumed = controller_->Watch(batch.events[1].sequence);
  ASSERT_TRUE(resumed.ok());
  EXPECT_EQ((*resumed)->Next(kNoWait).events.size(), 1u);
}

TEST_F(ChangeTest, WatchersSeeWhatTheReconcileFinds) {
  const auto watch = controller_->Watch(0);
  const uint64_t token = (*watch)->Next(kNoWait).sequence;
  std::filesystem::remove(shop_);
  controller_->ReconcileNow();

  const auto batch = (*controller_->Watch(token))->Next(kNoWait);

  ASSERT_EQ(batch.events.size(), 1u);
  EXPECT_EQ(batch.events[0].type, ProbeEvent::Type::kModified);
  EXPECT_EQ(batch.events[0].probe.status.state, ProbeState::kWaiting);
}

}  // namespace
}  // namespace uprobed::control
