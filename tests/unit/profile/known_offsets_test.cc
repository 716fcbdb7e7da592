#include "server/profile/known_offsets.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/profile/fields.h"

namespace uprobed::profile {
namespace {

GoVersion Release(int minor, int patch) { return {1, minor, patch, true, ""}; }

TEST(KnownOffsets, CoverEveryPromisedMinorReleaseFromItsFirstPatch) {
  for (int minor = 15; minor <= 27; ++minor) EXPECT_TRUE(TableCovers(Release(minor, 0))) << minor;
}

TEST(KnownOffsets, NeverExtrapolate) {
  EXPECT_FALSE(TableCovers(Release(14, 15)));
  EXPECT_FALSE(TableCovers(Release(19, 14)));
  EXPECT_FALSE(TableCovers(Release(25, 999)));
  EXPECT_FALSE(TableCovers(Release(99, 0)));
  EXPECT_FALSE(TableCovers({2, 24, 0, true, ""}));
  EXPECT_EQ(KnownOffset(Release(19, 14), "net/http.Request.Method"), std::nullopt);
  EXPECT_EQ(KnownOffset(Release(99, 0), "net/http.Request.Method"), std::nullopt);
}

TEST(KnownOffsets, RefusePreviewsAndVendorToolchains) {
  EXPECT_FALSE(TableCovers({1, 24, 0, false, ""}));
  EXPECT_EQ(KnownOffset({1, 24, 0, false, ""}, "net/http.Request.Method"), std::nullopt);
}

TEST(KnownOffsets, FollowFieldsThatMoved) {
  EXPECT_EQ(KnownOffset(Release(25, 0), "net/url.URL.RawQuery"), 96u);
  EXPECT_EQ(KnownOffset(Release(26, 0), "net/url.URL.RawQuery"), 88u);
  EXPECT_EQ(KnownOffset(Release(22, 5), "net/http.Request.pat"), 248u);
}

TEST(KnownOffsets, FollowAFieldThatMovedInAPatchRelease) {
  EXPECT_EQ(KnownOffset(Release(26, 10), "net/http.response.status"), 120u);
  EXPECT_EQ(KnownOffset(Release(26, 11), "net/http.response.status"), 128u);
}

TEST(KnownOffsets, HaveNoFieldThatTheVersionLacks) {
  EXPECT_EQ(KnownOffset(Release(22, 12), "net/http.Request.Pattern"), std::nullopt);
  EXPECT_EQ(KnownOffset(Release(23, 0), "internal/runtime/maps.Map.dirPtr"), std::nullopt);
  EXPECT_EQ(KnownOffset(Release(26, 0), "runtime.hmap.buckets"), std::nullopt);
}

TEST(KnownOffsets, HaveBothMapsWhereTheBuildChooses) {
  EXPECT_TRUE(KnownOffset(Release(24, 1), "runtime.hmap.buckets").has_value());
  EXPECT_TRUE(KnownOffset(Release(24, 1), "internal/runtime/maps.Map.dirPtr").has_value());
}

TEST(KnownOffsets, AreThoseOfTheFieldsThatTheProgramsReadAndOfHttp2) {
  const auto is_http2 = [](std::string_view field) {
    return field.starts_with("net/http.http2") || field.starts_with("net/http/internal/http2.");
  };
  std::set<std::string> fields;
  std::set<std::string> fields_of_http2;
  for (const FieldSpec& field : AllFields()) {
    if (field.struct_name.starts_with("golang.org/x/net/") ||
        field.struct_name.starts_with("google.golang.org/") ||
        field.struct_name.starts_with("github.com/"))
      continue;  // in the table of modules
    (is_http2(field.struct_name) ? fields_of_http2 : fields).insert(FieldKey(field));
  }
  std::set<std::string> known;
  std::set<std::string> http2;
  for (const std::string_view field : KnownFields()) {
    (is_http2(field) ? http2 : known).insert(std::string(field));
  }

  EXPECT_EQ(known, fields);
  EXPECT_THAT(http2, ::testing::IsSupersetOf(fields_of_http2));
  EXPECT_EQ(http2.size(), 40u);
}

TEST(KnownOffsets, FollowHttp2IntoAPackageOfItsOwn) {
  EXPECT_EQ(KnownOffset(Release(19, 13), "net/http.http2responseWriterState.status"), 80u);
  EXPECT_EQ(KnownOffset(Release(20, 0), "net/http.http2responseWriterState.status"), 72u);
  EXPECT_EQ(KnownOffset(Release(26, 0), "net/http/internal/http2.stream.id"), std::nullopt);
  EXPECT_EQ(KnownOffset(Release(27, 0), "net/http/internal/http2.stream.id"), 8u);
  EXPECT_EQ(KnownOffset(Release(27, 0), "net/http.http2stream.id"), std::nullopt);
}

TEST(KnownOffsets, KnowEveryFieldOfEveryCoveredMinorRelease) {
  for (int minor = 15; minor <= 27; ++minor) {
    const Need maps = minor >= 24 ? Need::kSwissMaps : Need::kBucketMaps;
    for (const FieldSpec& field : AllFields()) {
      if (field.struct_name.starts_with("google.golang.org/")) continue;
      if (field.need != maps && !IsNeeded(field, field.instrumentation)) continue;
      EXPECT_TRUE(KnownOffset(Release(minor, 0), FieldKey(field)).has_value())
          << "go1." << minor << " " << FieldKey(field);
    }
  }
}

TEST(KnownOffsets, SayWhatTheyCover) {
  EXPECT_THAT(CoveredVersions(), ::testing::HasSubstr("go1.15.0 to go1.15.15, go1.16.0 to"));
}

}  // namespace
}  // namespace uprobed::profile
