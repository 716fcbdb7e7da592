#include <thread>

#include "tests/unit/rpc/server_fixture.h"

namespace uprobed::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

using ProbeStub = v1::ProbeService::Stub;

class ProbeServiceTest : public ServerTest {
 protected:
  grpc::Status Create(const v1::CreateProbeRequest& request, v1::Probe* probe = nullptr) {
    v1::Probe ignored;
    return Call(*probes_, &ProbeStub::CreateProbe, request, probe == nullptr ? &ignored : probe);
  }
  grpc::Status Get(const std::string& name, v1::Probe* probe = nullptr) {
    v1::GetProbeRequest request;
    request.set_name(name);
    v1::Probe ignored;
    return Call(*probes_, &ProbeStub::GetProbe, request, probe == nullptr ? &ignored : probe);
  }
  grpc::Status Update(const v1::UpdateProbeRequest& request, v1::Probe* probe = nullptr) {
    v1::Probe ignored;
    return Call(*probes_, &ProbeStub::UpdateProbe, request, probe == nullptr ? &ignored : probe);
  }
  grpc::Status Delete(const std::string& name, const std::string& etag = "",
                      bool allow_missing = false) {
    v1::DeleteProbeRequest request;
    request.set_name(name);
    request.set_etag(etag);
    request.set_allow_missing(allow_missing);
    google::protobuf::Empty response;
    return Call(*probes_, &ProbeStub::DeleteProbe, request, &response);
  }
  grpc::Status List(const v1::ListProbesRequest& request, v1::ListProbesResponse* response) {
    response->Clear();
    return Call(*probes_, &ProbeStub::ListProbes, request, response);
  }
  // The newest audit row: "uprobed.v1.ProbeService/GetProbe probes/shop OK".
  std::string LastAudit() {
    const auto records = store_->ListAudit(1);
    if (!records.ok() || records->empty()) return "none";
    const store::AuditRecord& row = records->front();
    return row.method + " " + row.resource + " " + row.code +
           (row.reason.empty() ? "" : " " + row.reason);
  }
};

TEST_F(ProbeServiceTest, CreatesAndGetsAProbe) {
  v1::CreateProbeRequest request = WaitingProbe("shop");
  (*request.mutable_probe()->mutable_labels())["team"] = "till";
  v1::Probe created;
  ASSERT_EQ(Summary(Create(request, &created)), "OK");
  EXPECT_EQ(created.name(), "probes/shop");
  EXPECT_EQ(created.generation(), 1);
  EXPECT_EQ(created.status().state(), v1::Probe::STATE_WAITING);
  EXPECT_EQ(created.status().error().reason(), "BINARY_NOT_FOUND");
  EXPECT_TRUE(created.spec().enabled());
  EXPECT_THAT(created.labels(), ElementsAre(Pair("team", "till")));

  v1::Probe got;
  ASSERT_EQ(Summary(Get("probes/shop", &got)), "OK");
  EXPECT_EQ(got.uid(), created.uid());
  EXPECT_EQ(got.etag(), created.etag());
}

TEST_F(ProbeServiceTest, AttachesToAGoProgram) {
  const std::string path = GoProgram();
  if (path.empty()) GTEST_SKIP() << "no Go programs: run scripts/build_targets";
  v1::CreateProbeRequest request;
  request.mutable_probe()->mutable_spec()->set_binary_path(path);
  v1::Probe created;
  ASSERT_EQ(Summary(Create(request, &created)), "OK");
  EXPECT_EQ(created.status().state(), v1::Probe::STATE_ACTIVE);
  EXPECT_GT(created.status().attached_sites(), 0);
  EXPECT_TRUE(created.status().profile().starts_with("profiles/"));
  backend_.Count(backend_.live().begin()->first, UP_COUNTER_HITS_SERVER_START, 5);
  v1::Probe got;
  ASSERT_EQ(Summary(Get(created.name(), &got)), "OK");
  EXPECT_EQ(got.status().counters().hits().at("server_start"), 5U);
}

TEST_F(ProbeServiceTest, RefusesAnImportedSuspectProfileUnlessTheProbeAllowsIt) {
  const std::string path = GoProgram();
  if (path.empty()) GTEST_SKIP() << "no Go programs: run scripts/build_targets";
  v1::ResolveProfileRequest resolve;
  resolve.set_binary_path(path);
  v1::ResolveProfileResponse resolved;
  using Profiles = v1::ProfileService::Stub;
  ASSERT_EQ(Summary(Call(*profiles_, &Profiles::ResolveProfile, resolve, &resolved)), "OK");
  EXPECT_EQ(resolved.profile().trust(), v1::Profile::TRUST_CONSISTENT);
  v1::ImportProfilesRequest import;
  v1::Profile& suspect = *import.add_profiles() = resolved.profile();
  suspect.clear_trust();
  auto& status = suspect.mutable_fields()->at("net/http.response.status");
  ASSERT_GT(status.others_size(), 0);
  status.mutable_others(0)->set_offset(status.offset() + 8);
  import.set_force(true);
  v1::ImportProfilesResponse imported;
  ASSERT_EQ(Summary(Call(*profiles_, &Profiles::ImportProfiles, import, &imported)), "OK");
  v1::GetProfileRequest get;
  get.set_name(suspect.name());
  v1::Profile stored;
  ASSERT_EQ(Summary(Call(*profiles_, &Profiles::GetProfile, get, &stored)), "OK");
  EXPECT_EQ(stored.trust(), v1::Profile::TRUST_SUSPECT);
  EXPECT_EQ(stored.disagreements(0).field(), "net/http.response.status");

  v1::CreateProbeRequest request;
  request.mutable_probe()->mutable_spec()->set_binary_path(path);
  EXPECT_EQ(Summary(Create(request)), "FAILED_PRECONDITION PROFILE_SUSPECT");
  request.mutable_probe()->mutable_spec()->set_allow_suspect_profile(true);
  v1::Probe created;
  ASSERT_EQ(Summary(Create(request, &created)), "OK");
  EXPECT_EQ(created.status().state(), v1::Probe::STATE_ACTIVE);
  EXPECT_TRUE(created.spec().allow_suspect_profile());
}

TEST_F(ProbeServiceTest, RefusesABadCreate) {
  v1::CreateProbeRequest request = WaitingProbe("shop");
  request.mutable_probe()->mutable_spec()->clear_target();
  EXPECT_EQ(Summary(Create(request)), "INVALID_ARGUMENT TARGET_MISSING");
  request = WaitingProbe("Shop");
  EXPECT_EQ(Summary(Create(request)), "INVALID_ARGUMENT PROBE_ID_INVALID");
  request = WaitingProbe("shop");
  request.mutable_probe()->mutable_spec()->add_instrumentations(v1::INSTRUMENTATION_UNSPECIFIED);
  EXPECT_EQ(Summary(Create(request)), "INVALID_ARGUMENT INSTRUMENTATION_UNKNOWN");
  EXPECT_EQ(FieldOf(Create(request)), "probe.spec.instrumentations");
  request = WaitingProbe("shop");
  request.set_allow_missing_binary(false);
  EXPECT_EQ(Summary(Create(request)), "NOT_FOUND BINARY_NOT_FOUND");
  EXPECT_TRUE(store_->ListProbes()->empty());
}

TEST_F(ProbeServiceTest, RefusesANameThatIsTaken) {
  CreateWaiting("shop");
  v1::CreateProbeRequest request = WaitingProbe("shop");
  const grpc::Status status = Create(request);
  EXPECT_EQ(Summary(status), "ALREADY_EXISTS PROBE_EXISTS");
  EXPECT_EQ(ResourceOf(status), "probe probes/shop");
}

TEST_F(ProbeServiceTest, OnlyValidatesWhereThatIsWanted) {
  v1::CreateProbeRequest create = WaitingProbe("shop");
  create.set_validate_only(true);
  EXPECT_EQ(Summary(Create(create)), "OK");
  EXPECT_EQ(Summary(Get("probes/shop")), "NOT_FOUND PROBE_NOT_FOUND");

  CreateWaiting("shop");
  v1::UpdateProbeRequest update;
  update.mutable_probe()->set_name("probes/shop");
  update.mutable_probe()->mutable_spec()->set_service_name("till");
  update.set_validate_only(true);
  EXPECT_EQ(Summary(Update(update)), "OK");
  v1::Probe got;
  EXPECT_EQ(Summary(Get("probes/shop", &got)), "OK");
  EXPECT_EQ(got.spec().service_name(), "");
}

TEST_F(ProbeServiceTest, GetsOnlyWhatTheMaskReads) {
  CreateWaiting("shop");
  v1::GetProbeRequest request;
  request.set_name("probes/shop");
  request.mutable_read_mask()->add_paths("status.state");
  v1::Probe got;
  ASSERT_EQ(Summary(Call(*probes_, &ProbeStub::GetProbe, request, &got)), "OK");
  EXPECT_EQ(got.status().state(), v1::Probe::STATE_WAITING);
  EXPECT_EQ(got.name(), "");
  EXPECT_FALSE(got.status().has_error());

  request.mutable_read_mask()->add_paths("status.nothing");
  const grpc::Status status = Call(*probes_, &ProbeStub::GetProbe, request, &got);
  EXPECT_EQ(Summary(status), "INVALID_ARGUMENT FIELD_MASK_INVALID");
  EXPECT_EQ(ErrorInfoOf(status).metadata().at("path"), "status.nothing");
}

TEST_F(ProbeServiceTest, TellsAnErrorAlsoWhereTheRequestIsHuge) {
  v1::GetProbeRequest request;
  request.set_name(std::string(size_t{1} << 20, 'x'));
  EXPECT_EQ(
      Summary(Call(*probes_, &ProbeStub::GetProbe, request, std::make_unique<v1::Probe>().get())),
      "INVALID_ARGUMENT NAME_MALFORMED");
  request.mutable_read_mask()->add_paths(std::string(size_t{1} << 20, '\x01'));
  request.set_name("probes/shop");
  EXPECT_EQ(
      Summary(Call(*probes_, &ProbeStub::GetProbe, request, std::make_unique<v1::Probe>().get())),
      "INVALID_ARGUMENT FIELD_MASK_INVALID");
}

TEST_F(ProbeServiceTest, ListsInPages) {
  for (const std::string id : {"a", "b", "c"}) CreateWaiting(id);
  v1::ListProbesRequest request;
  v1::ListProbesResponse page;
  request.set_page_size(2);
  request.mutable_read_mask()->add_paths("name");

  ASSERT_EQ(Summary(List(request, &page)), "OK");
  ASSERT_EQ(page.probes_size(), 2);
  EXPECT_EQ(page.probes(0).name(), "probes/a");
  EXPECT_EQ(page.probes(1).name(), "probes/b");
  EXPECT_EQ(page.probes(0).uid(), "");
  ASSERT_NE(page.next_page_token(), "");

  request.set_page_token(page.next_page_token());
  ASSERT_EQ(Summary(List(request, &page)), "OK");
  ASSERT_EQ(page.probes_size(), 1);
  EXPECT_EQ(page.probes(0).name(), "probes/c");
  EXPECT_EQ(page.next_page_token(), "");

  request.clear_page_token();
  request.set_page_size(3);
  ASSERT_EQ(Summary(List(request, &page)), "OK");
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(ProbeServiceTest, RefusesBadPages) {
  v1::ListProbesRequest request;
  v1::ListProbesResponse page;
  request.set_page_size(-1);
  EXPECT_EQ(Summary(List(request, &page)), "INVALID_ARGUMENT PAGE_SIZE_NEGATIVE");
  request.set_page_size(0);
  request.set_page_token("probes/a");
  EXPECT_EQ(Summary(List(request, &page)), "INVALID_ARGUMENT PAGE_TOKEN_MALFORMED");
  // Another method's token: "v1:profiles/0123...".
  request.set_page_token("76313a70726f66696c65732f30");
  EXPECT_EQ(Summary(List(request, &page)), "INVALID_ARGUMENT PAGE_TOKEN_MALFORMED");
  request.clear_page_token();
  request.mutable_read_mask()->add_paths("nothing");
  EXPECT_EQ(Summary(List(request, &page)), "INVALID_ARGUMENT FIELD_MASK_INVALID");
}

TEST_F(ProbeServiceTest, UpdatesOnlyWhatTheMaskNames) {
  v1::CreateProbeRequest create = WaitingProbe("shop");
  create.mutable_probe()->mutable_spec()->set_service_name("till");
  ASSERT_EQ(Summary(Create(create)), "OK");

  v1::UpdateProbeRequest update;
  update.mutable_probe()->set_name("probes/shop");
  update.mutable_probe()->mutable_spec()->set_enabled(false);
  update.mutable_update_mask()->add_paths("spec.enabled");
  v1::Probe updated;
  ASSERT_EQ(Summary(Update(update, &updated)), "OK");
  EXPECT_FALSE(updated.spec().enabled());
  EXPECT_EQ(updated.status().state(), v1::Probe::STATE_DISABLED);
  EXPECT_EQ(updated.spec().service_name(), "till");
  EXPECT_EQ(updated.generation(), 2);

  update.clear_update_mask();
  ASSERT_EQ(Summary(Update(update, &updated)), "OK");
  EXPECT_EQ(updated.spec().service_name(), "");
}

TEST_F(ProbeServiceTest, RefusesABadUpdate) {
  v1::Probe probe = CreateWaiting("shop");
  v1::UpdateProbeRequest update;
  update.mutable_probe()->set_name("shop");
  EXPECT_EQ(Summary(Update(update)), "INVALID_ARGUMENT NAME_MALFORMED");
  EXPECT_EQ(FieldOf(Update(update)), "probe.name");
  update.mutable_probe()->set_name("probes/other");
  EXPECT_EQ(Summary(Update(update)), "NOT_FOUND PROBE_NOT_FOUND");
  *update.mutable_probe() = probe;
  update.mutable_probe()->mutable_spec()->set_binary_path("/elsewhere");
  EXPECT_EQ(Summary(Update(update)), "INVALID_ARGUMENT TARGET_IMMUTABLE");
  update.mutable_update_mask()->add_paths("status");
  EXPECT_EQ(Summary(Update(update)), "INVALID_ARGUMENT FIELD_MASK_INVALID");
}

TEST_F(ProbeServiceTest, RefusesAStaleEtag) {
  const v1::Probe old = CreateWaiting("shop");
  v1::UpdateProbeRequest update;
  *update.mutable_probe() = old;
  update.mutable_probe()->mutable_spec()->set_service_name("till");
  v1::Probe fresh;
  ASSERT_EQ(Summary(Update(update, &fresh)), "OK");
  EXPECT_NE(fresh.etag(), old.etag());

  EXPECT_EQ(Summary(Update(update)), "ABORTED ETAG_MISMATCH");
  EXPECT_EQ(Summary(Delete("probes/shop", old.etag())), "ABORTED ETAG_MISMATCH");
  EXPECT_EQ(Summary(Delete("probes/shop", fresh.etag())), "OK");
}

TEST_F(ProbeServiceTest, LosesNoUpdateOfSeveralWriters) {
  CreateWaiting("shop");
  const auto update = [this](const std::string& path, const std::function<void(v1::Probe&)>& set) {
    v1::UpdateProbeRequest request;
    request.mutable_probe()->set_name("probes/shop");
    request.mutable_update_mask()->add_paths(path);
    set(*request.mutable_probe());
    EXPECT_EQ(Summary(Update(request)), "OK");
  };
  std::jthread first([&] {
    update("spec.service_name", [](v1::Probe& p) { p.mutable_spec()->set_service_name("till"); });
  });
  std::jthread second([&] {
    update("spec.capture_query", [](v1::Probe& p) { p.mutable_spec()->set_capture_query(true); });
  });
  first.join();
  second.join();
  v1::Probe got;
  ASSERT_EQ(Summary(Get("probes/shop", &got)), "OK");
  EXPECT_EQ(got.spec().service_name(), "till");
  EXPECT_TRUE(got.spec().capture_query());
}

TEST_F(ProbeServiceTest, DeletesAndForgets) {
  CreateWaiting("shop");
  EXPECT_EQ(Summary(Delete("probes/shop")), "OK");
  const grpc::Status status = Delete("probes/shop");
  EXPECT_EQ(Summary(status), "NOT_FOUND PROBE_NOT_FOUND");
  EXPECT_EQ(ResourceOf(status), "probe probes/shop");
  EXPECT_EQ(Summary(Delete("probes/shop", "", /*allow_missing=*/true)), "OK");
  EXPECT_EQ(Summary(Delete("shop")), "INVALID_ARGUMENT NAME_MALFORMED");
}

TEST_F(ProbeServiceTest, AuditsEachChangeWhateverItsOutcome) {
  CreateWaiting("shop");
  EXPECT_EQ(LastAudit(), "uprobed.v1.ProbeService/CreateProbe probes/shop OK");
  EXPECT_EQ(store_->ListAudit(1)->front().peer.substr(0, 5), "unix:");
  Create(WaitingProbe("shop"));
  EXPECT_EQ(LastAudit(),
            "uprobed.v1.ProbeService/CreateProbe probes/shop ALREADY_EXISTS PROBE_EXISTS");
  v1::UpdateProbeRequest update;
  update.mutable_probe()->set_name("probes/other");
  Update(update);
  EXPECT_EQ(LastAudit(),
            "uprobed.v1.ProbeService/UpdateProbe probes/other NOT_FOUND PROBE_NOT_FOUND");
  Delete("nonsense");
  EXPECT_EQ(LastAudit(),
            "uprobed.v1.ProbeService/DeleteProbe nonsense INVALID_ARGUMENT NAME_MALFORMED");
  Delete("probes/shop");
  EXPECT_EQ(LastAudit(), "uprobed.v1.ProbeService/DeleteProbe probes/shop OK");
}

TEST_F(ProbeServiceTest, AuditsNeitherReadsNorValidations) {
  v1::CreateProbeRequest create = WaitingProbe("shop");
  create.set_validate_only(true);
  Create(create);
  Get("probes/shop");
  EXPECT_EQ(LastAudit(), "none");
}

TEST_F(ProbeServiceTest, BoundsWhatACallerWritesIntoTheAudit) {
  Delete(std::string(100000, 'x'));
  EXPECT_EQ(store_->ListAudit(1)->front().resource, std::string(256, 'x'));
}

}  // namespace
}  // namespace uprobed::rpc
