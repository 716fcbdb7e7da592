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

// Go 1.26 and later write a '-' before the experiments (go.dev/issue/75953).
TEST(GoVersion, ReadsExperimentsBehindADash) {
  EXPECT_EQ(ParseGoVersion("go1.26.8-X:nodwarf5"), (GoVersion{1, 26, 8, true, "nodwarf5"}));
  EXPECT_EQ(ParseGoVersion("go1.27-X:jsonv2,nogreenteagc"),
            (GoVersion{1, 27, 0, true, "jsonv2,nogreenteagc"}));
  EXPECT_EQ(ParseGoVersion("go1.27rc1-X:jsonv2"), (GoVersion{1, 27, 0, false, "jsonv2"}));
}

TEST(GoVersion, ReadsExperimentsBehindAVendor) {
  EXPECT_EQ(ParseGoVersion("go1.22.9 (Red Hat 1.22.9-2.el9_5) X:strictfipsruntime"),
            (GoVersion{1, 22, 9, false, "strictfipsruntime"}));
  EXPECT_EQ(ParseGoVersion("go1.26.3-fips X:noswissmap"),
            (GoVersion{1, 26, 3, false, "noswissmap"}));
  EXPECT_EQ(ParseGoVersion("devel go1.24-0f31c2e Mon Nov 2 X:noswissmap"),
            (GoVersion{1, 24, 0, false, "noswissmap"}));
}

TEST(GoVersion, TakesNoPreviewForARelease) {
  EXPECT_EQ(ParseGoVersion("go1.25rc1"), (GoVersion{1, 25, 0, false, ""}));
  EXPECT_EQ(ParseGoVersion("go1.26rc1"), (GoVersion{1, 26, 0, false, ""}));
  EXPECT_EQ(ParseGoVersion("go1.19beta2"), (GoVersion{1, 19, 0, false, ""}));
}

TEST(GoVersion, TakesNoDevelopmentTreeForARelease) {
  EXPECT_EQ(ParseGoVersion("devel go1.28-0f31c2e Mon Nov 2"), (GoVersion{1, 28, 0, false, ""}));
  EXPECT_EQ(ParseGoVersion("go1.27-devel_0f31c2e Mon Nov 2"), (GoVersion{1, 27, 0, false, ""}));
}

TEST(GoVersion, TakesNoVendorToolchainForARelease) {
  EXPECT_EQ(ParseGoVersion("go1.21.9 (Red Hat 1.21.9-1.el9)"), (GoVersion{1, 21, 9, false, ""}));
  EXPECT_EQ(ParseGoVersion("go1.25.3-vendor"), (GoVersion{1, 25, 3, false, ""}));
  EXPECT_EQ(ParseGoVersion("go1.22.3-fips"), (GoVersion{1, 22, 3, false, ""}));
  EXPECT_EQ(ParseGoVersion("go1.23.4+vendor.1"), (GoVersion{1, 23, 4, false, ""}));
  EXPECT_EQ(ParseGoVersion("go1.18.3b7"), (GoVersion{1, 18, 3, false, ""}));
  EXPECT_EQ(ParseGoVersion("go1.23.4 "), (GoVersion{1, 23, 4, false, ""}));
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
                           "go1.24.1b",
                           "go1.24.1X:loopvar",
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
