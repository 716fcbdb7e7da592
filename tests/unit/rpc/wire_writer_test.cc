#include "server/rpc/wire_writer.h"

#include <gtest/gtest.h>

#include <limits>

#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::rpc {
namespace {

TEST(WireWriter, WritesWhatGeneratedCodeWrites) {
  for (const uint64_t number : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 35U,
                                std::numeric_limits<uint64_t>::max()}) {
    v1::StreamSpansResponse message;
    message.set_dropped_total(number);
    std::string bytes;
    WireWriter(bytes).Varint(v1::StreamSpansResponse::kDroppedTotalFieldNumber, number);
    EXPECT_EQ(bytes, message.SerializeAsString()) << number;
  }
}

TEST(WireWriter, WritesDefaultsOfAOneof) {
  v1::KeyValue message;
  message.set_string_value("");
  std::string bytes;
  WireWriter(bytes).OneofText(v1::KeyValue::kStringValueFieldNumber, "");
  EXPECT_EQ(bytes, message.SerializeAsString());
}

// The length in front takes one, two and three bytes.
TEST(WireWriter, WritesMessagesOfAnyLength) {
  for (const size_t size : {0UL, 1UL, 125UL, 126UL, 127UL, 128UL, 16'380UL, 16'384UL, 100'000UL}) {
    v1::Span message;
    message.add_attributes()->set_key(std::string(size, 'k'));
    std::string bytes;
    WireWriter wire(bytes);
    wire.Message(v1::Span::kAttributesFieldNumber,
                 [&] { wire.Text(v1::KeyValue::kKeyFieldNumber, message.attributes(0).key()); });
    EXPECT_EQ(bytes, message.SerializeAsString()) << size;
  }
}

}  // namespace
}  // namespace uprobed::rpc
