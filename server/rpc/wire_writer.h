#ifndef UPROBED_SERVER_RPC_WIRE_WRITER_H_
#define UPROBED_SERVER_RPC_WIRE_WRITER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace uprobed::rpc {

// Appends fields of a protobuf message in its wire format
// (protobuf.dev/programming-guides/encoding). A field is given by its number; what has its default
// value is left out, as proto3 does, unless it is of a oneof.
class WireWriter {
 public:
  explicit WireWriter(std::string& to) : to_(to) {}

  void Varint(int field, uint64_t value) {
    if (value != 0) OneofVarint(field, value);
  }
  void Text(int field, std::string_view text) {
    if (!text.empty()) OneofText(field, text);
  }
  void OneofVarint(int field, uint64_t value) {
    AppendVarint(Tag(field, kVarint));
    AppendVarint(value);
  }
  void OneofText(int field, std::string_view text) {
    AppendVarint(Tag(field, kLengthDelimited));
    AppendVarint(text.size());
    to_ += text;
  }
  // A repeated field of numbers.
  void Packed(int field, std::span<const uint64_t> values) {
    Message(field, [&] {
      for (const uint64_t value : values) AppendVarint(value);
    });
  }
  // A message, whose fields `write` writes into the same buffer.
  template <typename Write>
  void Message(int field, const Write& write) {
    AppendVarint(Tag(field, kLengthDelimited));
    // Room for a length of one byte, which most have; what is longer moves what it is the length
    // of.
    const size_t length_at = to_.size();
    to_.push_back('\0');
    write();
    const size_t length = to_.size() - length_at - 1;
    std::array<char, kMaxVarint> bytes{};
    const size_t size = EncodeVarint(length, bytes);
    to_.replace(length_at, 1, bytes.data(), size);
  }

 private:
  static constexpr uint64_t kVarint = 0;
  static constexpr uint64_t kLengthDelimited = 2;
  static constexpr size_t kMaxVarint = 10;

  static uint64_t Tag(int field, uint64_t wire_type) {
    return static_cast<uint64_t>(field) << 3U | wire_type;
  }
  static size_t EncodeVarint(uint64_t value, std::array<char, kMaxVarint>& bytes) {
    size_t size = 0;
    for (; value >= 0x80; value >>= 7U) bytes.at(size++) = static_cast<char>(value | 0x80U);
    bytes.at(size++) = static_cast<char>(value);
    return size;
  }
  void AppendVarint(uint64_t value) {
    if (value < 0x80) {
      to_.push_back(static_cast<char>(value));
      return;
    }
    std::array<char, kMaxVarint> bytes{};
    to_.append(bytes.data(), EncodeVarint(value, bytes));
  }

  std::string& to_;
};

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_WIRE_WRITER_H_
