#include "server/control/event_directory.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "bpf/abi/http_event.h"
#include "tests/unit/control/fake_proc.h"

namespace uprobed::control {
namespace {

using uprobed::testing::FakeProc;

constexpr uint64_t kOneSecond = 1'000'000'000;

EventDirectory::Binding BindingOf(const std::string& probe_id,
                                  const std::string& service_name = "") {
  return {.probe_id = probe_id,
          .binary_path = "/srv/shop",
          .service_name = service_name,
          .capture_query = true};
}

TEST(EventDirectory, KnowsNothingOfASlotThatWasNeverBound) {
  FakeProc proc;
  EventDirectory directory(proc.root());
  EXPECT_EQ(directory.Find(0, 1, 0), nullptr);
}

TEST(EventDirectory, TellsProbeProcessAndNamespace) {
  FakeProc proc;
  proc.AddProcess(7, "/srv/shop");
  proc.Write(7, "environ", std::string("OTEL_SERVICE_NAME=front\0", 24));
  EventDirectory directory(proc.root());
  directory.Bind(3, BindingOf("web"));

  const auto source = directory.Find(3, 7, kOneSecond);

  ASSERT_TRUE(source != nullptr);
  EXPECT_EQ(source->probe, "web");
  EXPECT_EQ(source->service_name, "front");
  EXPECT_EQ(source->binary_path, "/srv/shop");
  EXPECT_EQ(source->network_namespace, proc.NetworkNamespace("host"));
  EXPECT_TRUE(source->capture_query);
}

TEST(EventDirectory, NamesAServiceByProbeOrFileWhereTheProcessDoesNot) {
  FakeProc proc;
  proc.AddProcess(7, "/srv/shop");
  EventDirectory directory(proc.root());
  directory.Bind(1, BindingOf("web"));
  directory.Bind(2, BindingOf("web", "named"));

  EXPECT_EQ(directory.Find(1, 7, kOneSecond)->service_name, "shop");
  EXPECT_EQ(directory.Find(2, 7, kOneSecond)->service_name, "named");
  EXPECT_EQ(directory.Find(1, 999, kOneSecond)->service_name, "shop");  // gone before it was read
}

TEST(EventDirectory, KeepsFunctionsUntilTheirOwnerHasLetGoOfThemForAWhile) {
  FakeProc proc;
  proc.AddProcess(7, "/srv/shop");
  EventDirectory directory(proc.root());
  auto names = std::make_shared<const span::FunctionNames>();
  const std::weak_ptr<const span::FunctionNames> seen = names;
  EventDirectory::Binding binding = BindingOf("web");
  binding.function_names = names;
  directory.Bind(3, std::move(binding));

  directory.ForgetFunctions();
  directory.ForgetFunctions();
  EXPECT_EQ(directory.Find(3, 7, kOneSecond)->function_names, names);
  names.reset();
  directory.ForgetFunctions();
  EXPECT_NE(directory.Find(3, 7, kOneSecond)->function_names, nullptr);
  directory.ForgetFunctions();

  EXPECT_EQ(directory.Find(3, 7, kOneSecond)->function_names, nullptr);
  EXPECT_TRUE(seen.expired());
}

TEST(EventDirectory, KeepsTheFunctionsOfASlotThatIsBoundAnew) {
  FakeProc proc;
  EventDirectory directory(proc.root());
  EventDirectory::Binding binding = BindingOf("web");
  binding.function_names = std::make_shared<const span::FunctionNames>();
  directory.Bind(3, std::move(binding));
  directory.ForgetFunctions();
  const auto names = std::make_shared<const span::FunctionNames>();
  EventDirectory::Binding again = BindingOf("web");
  again.function_names = names;
  directory.Bind(3, std::move(again));

  directory.ForgetFunctions();

  EXPECT_EQ(directory.Find(3, 7, kOneSecond)->function_names, names);
}

TEST(EventDirectory, ReadsAProcessAnewWhenItsPidMayBeAnother) {
  FakeProc proc;
  proc.AddProcess(7, "/srv/shop");
  proc.Write(7, "environ", "OTEL_SERVICE_NAME=old");
  EventDirectory directory(proc.root());
  directory.Bind(1, BindingOf("web"));
  EXPECT_EQ(directory.Find(1, 7, 1 * kOneSecond)->service_name, "old");
  proc.Write(7, "environ", "OTEL_SERVICE_NAME=new");

  EXPECT_EQ(directory.Find(1, 7, 2 * kOneSecond)->service_name, "old");
  EXPECT_EQ(directory.Find(1, 7, 60 * kOneSecond)->service_name, "new");
}

TEST(EventDirectory, RemembersAProcessThatHasEnded) {
  FakeProc proc;
  proc.AddProcess(7, "/srv/shop");
  proc.Write(7, "environ", "OTEL_SERVICE_NAME=front");
  EventDirectory directory(proc.root());
  directory.Bind(1, BindingOf("web"));
  const uint64_t network_namespace = directory.Find(1, 7, kOneSecond)->network_namespace;
  proc.RemoveProcess(7);

  const auto source = directory.Find(1, 7, 60 * kOneSecond);

  EXPECT_EQ(source->service_name, "front");
  EXPECT_EQ(source->network_namespace, network_namespace);
}

TEST(EventDirectory, ForgetsProcessesWithoutEvents) {
  FakeProc proc;
  proc.AddProcess(1, "/srv/shop");
  proc.Write(1, "environ", "OTEL_SERVICE_NAME=front");
  EventDirectory directory(proc.root());
  directory.Bind(1, BindingOf("web"));
  EXPECT_EQ(directory.Find(1, 1, kOneSecond)->service_name, "front");
  proc.RemoveProcess(1);

  for (uint32_t pid = 2; pid < 1100; ++pid) directory.Find(1, pid, 100 * kOneSecond);

  EXPECT_EQ(directory.Find(1, 1, 100 * kOneSecond)->service_name, "shop");
}

TEST(EventDirectory, ASlotBoundAnewBelongsToItsNewProbe) {
  EventDirectory directory("/nonexistent");
  directory.Bind(1, BindingOf("first"));
  directory.Admit(1);
  directory.CountSpan(1);
  directory.Bind(1, BindingOf("second"));
  directory.Admit(1);
  directory.CountSpan(1);
  directory.CountSpan(1);

  EXPECT_EQ(directory.Find(1, 7, 0)->probe, "second");
  EXPECT_EQ(directory.Spans("first"), 1u);
  EXPECT_EQ(directory.Spans("second"), 2u);
}

TEST(EventDirectory, CountsNothingForAnUnboundSlotAndForgetsOnDemand) {
  EventDirectory directory("/nonexistent");
  directory.CountSpan(9);
  directory.Admit(9);
  directory.Bind(1, BindingOf("web"));
  directory.Admit(1);
  directory.CountSpan(1);
  directory.ForgetSpans("web");
  EXPECT_EQ(directory.Spans("web"), 0u);
}

TEST(EventDirectory, WhatIsDeliveredWhileSitesAreAttachedCountsOnceTheyAre) {
  EventDirectory directory("/nonexistent");
  directory.Bind(1, BindingOf("web"));
  directory.CountSpan(1);
  EXPECT_EQ(directory.Spans("web"), 0u);

  directory.Admit(1);
  directory.Admit(1);
  directory.CountSpan(1);
  directory.Bind(2, BindingOf("web"));
  directory.Admit(2);
  directory.CountSpan(2);

  EXPECT_EQ(directory.Spans("web"), 3u);
}

TEST(EventDirectory, WhatIsLateOfADeletedProbeIsNotOfTheNextOfItsName) {
  EventDirectory directory("/nonexistent");
  directory.Bind(1, BindingOf("web"));
  directory.Admit(1);
  directory.ForgetSpans("web");
  directory.Bind(2, BindingOf("web"));
  directory.Admit(2);

  directory.CountSpan(1);

  EXPECT_EQ(directory.Spans("web"), 0u);
}

TEST(EventDirectory, CountsARefusedRecordForTheProbeWhoseSlotItNames) {
  EventDirectory directory("/nonexistent");
  directory.Bind(5, BindingOf("web"));
  directory.Admit(5);
  up_http_event event{};
  event.slot = 5;
  const auto record = std::as_bytes(std::span(&event, 1));
  constexpr size_t kBehindSlot = offsetof(up_http_event, slot) + sizeof(event.slot);

  directory.CountMalformed(record.first(kBehindSlot));
  directory.CountMalformed(record.first(kBehindSlot - 1));
  event.slot = 6;
  directory.CountMalformed(record);

  EXPECT_EQ(directory.DeliveriesOf("web").malformed, 1u);
}

}  // namespace
}  // namespace uprobed::control
