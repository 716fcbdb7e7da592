#include "server/rpc/convert_span_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "server/base/errors.h"

namespace uprobed::rpc {
namespace {

v1::SpanLimits All() {
  v1::SpanLimits limits;
  limits.add_methods("GET");
  limits.add_path_prefixes("/api");
  limits.add_status_classes(v1::SpanLimits::STATUS_CLASS_5XX);
  limits.add_status_classes(v1::SpanLimits::STATUS_CLASS_NO_RESPONSE);
  limits.mutable_min_duration()->set_seconds(1);
  limits.mutable_min_duration()->set_nanos(5);
  limits.set_sample_ratio(0);
  limits.mutable_rate_limit()->set_spans_per_second(0.5);
  limits.mutable_rate_limit()->set_burst(7);
  limits.set_only_while_streamed(true);
  return limits;
}

TEST(SpanLimitsFromProto, TakesAllThatThereIs) {
  const absl::StatusOr<SpanLimits> limits = FromProto(All());

  ASSERT_TRUE(limits.ok()) << limits.status();
  EXPECT_EQ(*limits, (SpanLimits{.methods = {"GET"},
                                 .path_prefixes = {"/api"},
                                 .status_classes = 1U << 5 | 1U,
                                 .min_duration_ns = 1'000'000'005,
                                 .sample_ratio = 0,
                                 .spans_per_second = 0.5,
                                 .burst = 7,
                                 .only_while_streamed = true}));
}

TEST(SpanLimitsFromProto, OfNothingLimitsNothing) {
  const absl::StatusOr<SpanLimits> limits = FromProto(v1::SpanLimits());

  ASSERT_TRUE(limits.ok());
  EXPECT_FALSE(limits->any());
}

TEST(FillSpanLimits, GivesBackWhatCameIn) {
  v1::SpanLimits back;
  FillSpanLimits(*FromProto(All()), back);

  EXPECT_EQ(*FromProto(back), *FromProto(All()));
  v1::SpanLimits nothing;
  FillSpanLimits({}, nothing);
  EXPECT_EQ(nothing.ByteSizeLong(), 0U);
}

TEST(SpanLimitsFromProto, RefusesWhatIsOutOfBounds) {
  struct Case {
    const char* field;
    std::function<void(v1::SpanLimits&)> spoil;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Case cases[] = {
      {"methods",
       [](auto& l) {
         for (int i = 0; i < 8; ++i) l.add_methods("PUT");
       }},
      {"methods", [](auto& l) { l.add_methods(""); }},
      {"methods", [](auto& l) { l.add_methods("GET /"); }},
      {"methods", [](auto& l) { l.add_methods(std::string(17, 'A')); }},
      {"path_prefixes",
       [](auto& l) {
         for (int i = 0; i < 8; ++i) l.add_path_prefixes("/");
       }},
      {"path_prefixes", [](auto& l) { l.add_path_prefixes("api"); }},
      {"path_prefixes", [](auto& l) { l.add_path_prefixes(std::string(65, '/')); }},
      {"path_prefixes", [](auto& l) { l.add_path_prefixes(std::string("/\0", 2)); }},
      {"status_classes",
       [](auto& l) { l.add_status_classes(v1::SpanLimits::STATUS_CLASS_UNSPECIFIED); }},
      {"status_classes",
       [](auto& l) { l.add_status_classes(static_cast<v1::SpanLimits::StatusClass>(7)); }},
      {"min_duration", [](auto& l) { l.mutable_min_duration()->set_seconds(-1); }},
      {"min_duration", [](auto& l) { l.mutable_min_duration()->set_nanos(-1); }},
      {"min_duration", [](auto& l) { l.mutable_min_duration()->set_nanos(1'000'000'000); }},
      {"min_duration", [](auto& l) { l.mutable_min_duration()->set_seconds(86'401); }},
      {"sample_ratio", [](auto& l) { l.set_sample_ratio(-0.1); }},
      {"sample_ratio", [](auto& l) { l.set_sample_ratio(1.1); }},
      {"sample_ratio", [nan](auto& l) { l.set_sample_ratio(nan); }},
      {"rate_limit.spans_per_second",
       [](auto& l) { l.mutable_rate_limit()->set_spans_per_second(0); }},
      {"rate_limit.spans_per_second",
       [](auto& l) { l.mutable_rate_limit()->set_spans_per_second(1e7); }},
      {"rate_limit.spans_per_second",
       [nan](auto& l) { l.mutable_rate_limit()->set_spans_per_second(nan); }},
      {"rate_limit.burst", [](auto& l) { l.mutable_rate_limit()->set_burst(-1); }},
      {"rate_limit.burst", [](auto& l) { l.mutable_rate_limit()->set_burst(1'000'001); }},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    v1::SpanLimits limits = All();
    cases[i].spoil(limits);

    const absl::Status refused = FromProto(limits).status();

    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << i;
    EXPECT_EQ(ReasonOf(refused), "SPAN_LIMITS_INVALID") << i;
    EXPECT_EQ(MetadataOf(refused).at("field"),
              std::string("probe.spec.span_limits.") + cases[i].field)
        << i;
  }
}

TEST(ApplySpanLimits, ReplacesOnlyTheFieldsNamed) {
  const SpanLimits before = *FromProto(All());
  const SpanLimits wanted{.methods = {"PUT"}};
  SpanLimits current = before;

  ApplySpanLimits(wanted, {"spec.span_limits.methods", "spec.enabled"}, current);

  SpanLimits expected = before;
  expected.methods = {"PUT"};
  EXPECT_EQ(current, expected);

  ApplySpanLimits(wanted, {SpanLimitsFields().begin(), SpanLimitsFields().end()}, current);
  EXPECT_EQ(current, wanted);
}

}  // namespace
}  // namespace uprobed::rpc
