#include "server/control/service_name.h"

#include <gtest/gtest.h>

namespace uprobed::control {
namespace {

std::string Environment(std::initializer_list<std::string> assignments) {
  std::string environment;
  for (const std::string& assignment : assignments) environment += assignment + '\0';
  return environment;
}

TEST(ServiceNameFromEnvironment, PrefersTheServiceName) {
  EXPECT_EQ(
      ServiceNameFromEnvironment(Environment(
          {"PATH=/bin", "OTEL_RESOURCE_ATTRIBUTES=service.name=other", "OTEL_SERVICE_NAME=shop"})),
      "shop");
}

TEST(ServiceNameFromEnvironment, FallsBackToTheResourceAttributes) {
  EXPECT_EQ(ServiceNameFromEnvironment(
                Environment({"OTEL_SERVICE_NAME=",
                             "OTEL_RESOURCE_ATTRIBUTES=host.name=a, service.name = shop%20a ,"
                             "x=y"})),
            "shop a");
}

TEST(ServiceNameFromEnvironment, KeepsWhatIsNoPercentEncoding) {
  EXPECT_EQ(
      ServiceNameFromEnvironment(Environment({"OTEL_RESOURCE_ATTRIBUTES=service.name=50%zz%4"})),
      "50%zz%4");
}

TEST(ServiceNameFromEnvironment, IsEmptyWhereThereIsNone) {
  EXPECT_EQ(ServiceNameFromEnvironment(""), "");
  EXPECT_EQ(
      ServiceNameFromEnvironment(Environment(
          {"XOTEL_SERVICE_NAME=a", "OTEL_RESOURCE_ATTRIBUTES=service.namespace=b,,=,service"})),
      "");
}

TEST(ChooseServiceName, TakesProbeThenProcessThenFileName) {
  EXPECT_EQ(ChooseServiceName("probe", "process", "/srv/shop"), "probe");
  EXPECT_EQ(ChooseServiceName("", "process", "/srv/shop"), "process");
  EXPECT_EQ(ChooseServiceName("", "", "/srv/shop"), "shop");
  EXPECT_EQ(ChooseServiceName("", "", "shop"), "shop");
}

}  // namespace
}  // namespace uprobed::control
