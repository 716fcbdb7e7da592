#include "tests/unit/rpc/server_fixture.h"

namespace uprobed::rpc {
namespace {

using ::testing::ElementsAre;

using ProfileStub = v1::ProfileService::Stub;

constexpr char kMissing[] = "profiles/0123456789abcdef0123456789abcdef";

class ProfileServiceTest : public ServerTest {
 protected:
  grpc::Status Resolve(const std::string& path, v1::ResolveProfileResponse* response) {
    v1::ResolveProfileRequest request;
    request.set_binary_path(path);
    return Call(*profiles_, &ProfileStub::ResolveProfile, request, response);
  }
  grpc::Status Get(const std::string& name, v1::Profile* profile) {
    v1::GetProfileRequest request;
    request.set_name(name);
    return Call(*profiles_, &ProfileStub::GetProfile, request, profile);
  }
  grpc::Status Delete(const std::string& name, bool allow_missing = false) {
    v1::DeleteProfileRequest request;
    request.set_name(name);
    request.set_allow_missing(allow_missing);
    google::protobuf::Empty response;
    return Call(*profiles_, &ProfileStub::DeleteProfile, request, &response);
  }
  grpc::Status Import(const v1::ImportProfilesRequest& request) {
    return Call(*profiles_, &ProfileStub::ImportProfiles, request, &imported_);
  }
  grpc::Status Verify(const std::string& name, const std::string& path = "") {
    v1::VerifyProfileRequest request;
    request.set_name(name);
    request.set_binary_path(path);
    return Call(*profiles_, &ProfileStub::VerifyProfile, request, &verified_);
  }

  v1::ImportProfilesResponse imported_;
  v1::VerifyProfileResponse verified_;
};

TEST_F(ProfileServiceTest, RefusesABadTarget) {
  v1::ResolveProfileRequest request;
  v1::ResolveProfileResponse response;
  const auto refusal = [&] {
    return Summary(Call(*profiles_, &ProfileStub::ResolveProfile, request, &response));
  };
  EXPECT_EQ(refusal(), "INVALID_ARGUMENT TARGET_MISSING");
  request.set_binary_path("");
  EXPECT_EQ(refusal(), "INVALID_ARGUMENT TARGET_MISSING");
  request.set_binary_path("shop");
  EXPECT_EQ(refusal(), "INVALID_ARGUMENT TARGET_NOT_ABSOLUTE");
  request.set_pid(-1);
  EXPECT_EQ(refusal(), "INVALID_ARGUMENT PID_INVALID");
  request.set_pid(1);
  EXPECT_EQ(refusal(), "NOT_FOUND PROCESS_NOT_FOUND");
  request.set_binary_path(dir_.File("missing"));
  EXPECT_EQ(refusal(), "NOT_FOUND BINARY_NOT_FOUND");
}

TEST_F(ProfileServiceTest, SaysThatAProfileIsMissing) {
  v1::Profile profile;
  EXPECT_EQ(Summary(Get(kMissing, &profile)), "NOT_FOUND PROFILE_NOT_FOUND");
  EXPECT_EQ(ResourceOf(Get(kMissing, &profile)), std::string("profile ") + kMissing);
  EXPECT_EQ(Summary(Get("profiles/shop", &profile)), "INVALID_ARGUMENT NAME_MALFORMED");
  EXPECT_EQ(Summary(Delete(kMissing)), "NOT_FOUND PROFILE_NOT_FOUND");
  EXPECT_EQ(Summary(Delete(kMissing, /*allow_missing=*/true)), "OK");
  EXPECT_EQ(Summary(Verify(kMissing)), "NOT_FOUND PROFILE_NOT_FOUND");
  EXPECT_EQ(Summary(Verify("x")), "INVALID_ARGUMENT NAME_MALFORMED");
  EXPECT_EQ(Summary(Verify(kMissing, "relative")), "INVALID_ARGUMENT TARGET_NOT_ABSOLUTE");
  v1::ExportProfilesRequest request;
  v1::ExportProfilesResponse response;
  request.add_names(kMissing);
  EXPECT_EQ(Summary(Call(*profiles_, &ProfileStub::ExportProfiles, request, &response)),
            "NOT_FOUND PROFILE_NOT_FOUND");
  request.add_names("x");
  EXPECT_EQ(FieldOf(Call(*profiles_, &ProfileStub::ExportProfiles, request, &response)),
            "names[1]");
}

TEST_F(ProfileServiceTest, RefusesAnEmptyImportAndTooManyProfiles) {
  v1::ImportProfilesRequest request;
  EXPECT_EQ(Summary(Import(request)), "INVALID_ARGUMENT PROFILES_MISSING");
  for (int i = 0; i < 1025; ++i) request.add_profiles();
  EXPECT_EQ(Summary(Import(request)), "INVALID_ARGUMENT PROFILES_TOO_MANY");
}

TEST_F(ProfileServiceTest, RefusesBadPages) {
  v1::ListProfilesRequest request;
  v1::ListProfilesResponse response;
  const auto refusal = [&] {
    return Summary(Call(*profiles_, &ProfileStub::ListProfiles, request, &response));
  };
  request.set_page_size(-1);
  EXPECT_EQ(refusal(), "INVALID_ARGUMENT PAGE_SIZE_NEGATIVE");
  request.set_page_size(0);
  request.set_page_token("76313a70726f6265732f61");  // "v1:probes/a"
  EXPECT_EQ(refusal(), "INVALID_ARGUMENT PAGE_TOKEN_MALFORMED");
  request.clear_page_token();
  request.mutable_read_mask()->add_paths("nothing");
  EXPECT_EQ(refusal(), "INVALID_ARGUMENT FIELD_MASK_INVALID");
}

// With one Go program resolved.
class ResolvedProfileTest : public ProfileServiceTest {
 protected:
  void SetUp() override {
    ProfileServiceTest::SetUp();
    path_ = GoProgram();
    if (path_.empty()) GTEST_SKIP() << "no Go programs: run scripts/build_targets";
    v1::ResolveProfileResponse response;
    ASSERT_EQ(Summary(Resolve(path_, &response)), "OK");
    EXPECT_FALSE(response.from_store());
    profile_ = response.profile();
  }
  v1::ImportProfilesRequest ImportRequest() const {
    v1::ImportProfilesRequest request;
    *request.add_profiles() = profile_;
    return request;
  }
  // A profile with the same content but of another binary.
  v1::Profile OfAnotherBinary(char digit) const {
    v1::Profile other = profile_;
    other.set_content_sha256(std::string(64, digit));
    other.set_name("profiles/" + std::string(32, digit));
    return other;
  }
  size_t Count() { return catalog_->List("", 1000)->size(); }

  std::string path_;
  v1::Profile profile_;
};

TEST_F(ResolvedProfileTest, IsKeptAndGot) {
  EXPECT_EQ(profile_.binary_path(), path_);
  EXPECT_FALSE(profile_.imported());
  EXPECT_GT(profile_.sites_size(), 0);
  v1::Profile got;
  ASSERT_EQ(Summary(Get(profile_.name(), &got)), "OK");
  EXPECT_EQ(got.SerializeAsString().size(), profile_.SerializeAsString().size());
  EXPECT_EQ(got.binary_path(), path_);
  v1::ResolveProfileResponse again;
  ASSERT_EQ(Summary(Resolve(path_, &again)), "OK");
  EXPECT_TRUE(again.from_store());
}

TEST_F(ResolvedProfileTest, IsListedWholeOrAsTheMaskReads) {
  v1::ListProfilesRequest request;
  v1::ListProfilesResponse response;
  ASSERT_EQ(Summary(Call(*profiles_, &ProfileStub::ListProfiles, request, &response)), "OK");
  ASSERT_EQ(response.profiles_size(), 1);
  EXPECT_EQ(response.profiles(0).sites_size(), profile_.sites_size());
  EXPECT_EQ(response.profiles(0).binary_path(), path_);

  request.mutable_read_mask()->add_paths("binary_path");
  response.Clear();
  ASSERT_EQ(Summary(Call(*profiles_, &ProfileStub::ListProfiles, request, &response)), "OK");
  EXPECT_EQ(response.profiles(0).binary_path(), path_);
  EXPECT_EQ(response.profiles(0).name(), "");
  EXPECT_EQ(response.profiles(0).sites_size(), 0);
}

TEST_F(ResolvedProfileTest, IsListedInPages) {
  v1::ImportProfilesRequest import;
  for (const char digit : {'0', '1', '2'}) *import.add_profiles() = OfAnotherBinary(digit);
  ASSERT_EQ(Summary(Import(import)), "OK");
  v1::ListProfilesRequest request;
  request.set_page_size(3);
  request.mutable_read_mask()->add_paths("name");
  v1::ListProfilesResponse page;
  ASSERT_EQ(Summary(Call(*profiles_, &ProfileStub::ListProfiles, request, &page)), "OK");
  EXPECT_EQ(page.profiles_size(), 3);
  request.set_page_token(page.next_page_token());
  page.Clear();
  ASSERT_EQ(Summary(Call(*profiles_, &ProfileStub::ListProfiles, request, &page)), "OK");
  EXPECT_EQ(page.profiles_size(), 1);
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(ResolvedProfileTest, TravelsToAnotherDaemon) {
  v1::ExportProfilesRequest request;
  v1::ExportProfilesResponse exported;
  ASSERT_EQ(Summary(Call(*profiles_, &ProfileStub::ExportProfiles, request, &exported)), "OK");
  ASSERT_EQ(exported.profiles_size(), 1);
  ASSERT_EQ(Summary(Delete(profile_.name())), "OK");
  EXPECT_EQ(Count(), 0U);

  v1::ImportProfilesRequest import;
  *import.mutable_profiles() = exported.profiles();
  import.set_verify_binary_path(path_);
  import.set_validate_only(true);
  ASSERT_EQ(Summary(Import(import)), "OK");
  EXPECT_EQ(Count(), 0U);
  import.set_validate_only(false);
  ASSERT_EQ(Summary(Import(import)), "OK");
  EXPECT_THAT(imported_.names(), ElementsAre(profile_.name()));
  v1::Profile got;
  ASSERT_EQ(Summary(Get(profile_.name(), &got)), "OK");
  EXPECT_TRUE(got.imported());
  EXPECT_EQ(got.binary_path(), path_);
}

TEST_F(ResolvedProfileTest, IsReplacedByAnImportOnlyByForce) {
  EXPECT_EQ(Summary(Import(ImportRequest())), "ALREADY_EXISTS PROFILE_EXISTS");
  v1::ImportProfilesRequest request = ImportRequest();
  request.set_force(true);
  EXPECT_EQ(Summary(Import(request)), "OK");
}

TEST_F(ResolvedProfileTest, IsImportedWithAllOthersOrNot) {
  v1::ImportProfilesRequest request;
  *request.add_profiles() = OfAnotherBinary('0');
  *request.add_profiles() = OfAnotherBinary('1');
  request.mutable_profiles(1)->mutable_sites(0)->set_kind("x");
  EXPECT_EQ(Summary(Import(request)), "INVALID_ARGUMENT PROFILE_MALFORMED");
  *request.mutable_profiles(1) = OfAnotherBinary('0');
  EXPECT_EQ(Summary(Import(request)), "INVALID_ARGUMENT PROFILE_REPEATED");
  *request.mutable_profiles(1) = OfAnotherBinary('1');
  request.mutable_profiles(1)->clear_sites();
  EXPECT_EQ(Summary(Import(request)), "INVALID_ARGUMENT PROFILE_INVALID");
  *request.mutable_profiles(1) = profile_;
  EXPECT_EQ(Summary(Import(request)), "ALREADY_EXISTS PROFILE_EXISTS");
  EXPECT_EQ(Count(), 1U);
}

TEST_F(ResolvedProfileTest, IsComparedWithTheBinaryBeforeAnythingIsImported) {
  ASSERT_EQ(Summary(Delete(profile_.name())), "OK");
  v1::ImportProfilesRequest request;
  *request.add_profiles() = OfAnotherBinary('0');
  request.set_verify_binary_path(path_);
  EXPECT_EQ(Summary(Import(request)), "FAILED_PRECONDITION PROFILE_BINARY_MISMATCH");
  *request.add_profiles() = profile_;
  std::string& bytes = *request.mutable_profiles(1)->mutable_sites(0)->mutable_instruction_bytes();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  EXPECT_NE(Summary(Import(request)), "OK");
  EXPECT_EQ(Count(), 0U);
  *request.mutable_profiles(1) = profile_;
  EXPECT_EQ(Summary(Import(request)), "OK");
  EXPECT_EQ(Count(), 2U);
}

TEST_F(ResolvedProfileTest, IsVerified) {
  ASSERT_EQ(Summary(Verify(profile_.name())), "OK");
  EXPECT_TRUE(verified_.matches()) << verified_.message();
  const std::string other = dir_.File("other");
  std::filesystem::copy_file(path_, other);
  std::filesystem::resize_file(other, std::filesystem::file_size(other) + 1);
  ASSERT_EQ(Summary(Verify(profile_.name(), other)), "OK");
  EXPECT_FALSE(verified_.matches());
  EXPECT_EQ(verified_.reason(), "PROFILE_BINARY_MISMATCH");
  EXPECT_EQ(Summary(Verify(profile_.name(), dir_.File("missing"))), "NOT_FOUND BINARY_NOT_FOUND");
}

TEST_F(ResolvedProfileTest, IsAuditedWhenChanged) {
  EXPECT_TRUE(store_->ListAudit(10)->empty());
  Import(ImportRequest());
  Delete(profile_.name());
  const auto rows = store_->ListAudit(10);
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ(rows->at(0).method, "uprobed.v1.ProfileService/DeleteProfile");
  EXPECT_EQ(rows->at(0).code, "OK");
  EXPECT_EQ(rows->at(1).method, "uprobed.v1.ProfileService/ImportProfiles");
  EXPECT_EQ(rows->at(1).resource, profile_.name());
  EXPECT_EQ(rows->at(1).reason, "PROFILE_EXISTS");
}

}  // namespace
}  // namespace uprobed::rpc
