#include "server/profile/go_version.h"

#include "gtest/gtest.h"

namespace uprobed::profile {
namespace {

TEST(GoVersion, ReadsAPatchRelease) {
  EXPECT_EQ(ParseGoVersion("go1.24.12"), (GoVersion{1, 24, 12, true, ""}));
}

TEST(GoVersion, ReadsAFirstReleaseWithoutPatchNumber) {
  EXPECT_EQ(ParseGoVersion("go1.20"), (GoVersion{1, 20, 0, true, ""}));
}

TEST(GoVersion, ReadsExperiments) {
  EXPECT_EQ(ParseGoVersion("go1.25.7 X:nocoverageredesign,noswissmap"),
            (GoVersion{1, 25, 7, true, "nocoverageredesign,noswissmap"}));
}

TEST(GoVersion, TakesNoPreviewForARelease) {
  EXPECT_EQ(ParseGoVersion("go1.26rc1"), (GoVersion{1, 26, 0, false, ""}));
  EXPECT_EQ(ParseGoVersion("go1.19beta2"), (GoVersion{1, 19, 0, false, ""}));
}

TEST(GoVersion, TakesNoDevelopmentTreeForARelease) {
  EXPECT_EQ(ParseGoVersion("devel go1.28-0f31c2e Mon Nov 2"), (GoVersion{1, 28, 0, false, ""}));
}

TEST(GoVersion, TakesNoVendorToolchainForARelease) {
  EXPECT_EQ(ParseGoVersion("go1.21.9 (Red Hat 1.21.9-1.el9)"), (GoVersion{1, 21, 9, false, ""}));
  EXPECT_EQ(ParseGoVersion("go1.25.3-vendor"), (GoVersion{1, 25, 3, false, ""}));
  EXPECT_EQ(ParseGoVersion("go1.25.3 X:loopvar vendor"), (GoVersion{1, 25, 3, false, "loopvar"}));
}

TEST(GoVersion, RefusesWhatIsNoVersion) {
  for (const char* text : {"",
                           "go",
                           "go1",
                           "go1.",
                           "1.24.12",
                           "go1.x",
                           "go1.24.",
                           "go1.24.x",
                           "go1.24.12.3",
                           "go01.24",
                           "go1.024",
                           "go1.24rc",
                           "go1.99999",
                           "go1.24.99999",
                           "go-1.24",
                           "go1.-24",
                           "unknown",
                           "devel +0f31c2e",
                           "go1.24.12x",
                           "GO1.24.12",
                           " go1.24.12",
                           "go1.99999999999999999999"}) {
    EXPECT_EQ(ParseGoVersion(text), std::nullopt) << text;
  }
}

TEST(GoVersion, FindsWholeExperimentNamesOnly) {
  EXPECT_TRUE(HasExperiment("loopvar,noswissmap", "noswissmap"));
  EXPECT_TRUE(HasExperiment("noswissmap,loopvar", "noswissmap"));
  EXPECT_FALSE(HasExperiment("noswissmaps", "noswissmap"));
  EXPECT_FALSE(HasExperiment("", "noswissmap"));
}

}  // namespace
}  // namespace uprobed::profile
