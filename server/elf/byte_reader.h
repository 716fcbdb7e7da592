#ifndef UPROBED_SERVER_ELF_BYTE_READER_H_
#define UPROBED_SERVER_ELF_BYTE_READER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace uprobed::elf {

// Bounded reads of untrusted bytes. Offsets come from the file itself, so every one is checked, and
// values are copied out because nothing promises their alignment.

// `size` bytes at `offset`; nullopt where they are not all there.
inline std::optional<std::span<const std::byte>> BytesAt(std::span<const std::byte> bytes,
                                                         uint64_t offset, uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(offset, size);
}

// The little-endian value at `offset`.
template <typename T>
std::optional<T> ValueAt(std::span<const std::byte> bytes, uint64_t offset) {
  static_assert(std::is_trivially_copyable_v<T>);
  const auto source = BytesAt(bytes, offset, sizeof(T));
  if (!source) return std::nullopt;
  T value;
  std::memcpy(&value, source->data(), sizeof(T));
  return value;
}

inline std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// No name of a function or section comes near. The bound keeps a table of names without any NUL
// from being read to its end once a name.
inline constexpr size_t kMaxStringSize = 4096;

// The NUL-terminated string at `offset`, without the NUL; nullopt where it does not end in `bytes`
// or is longer than kMaxStringSize.
inline std::optional<std::string_view> StringAt(std::span<const std::byte> bytes, uint64_t offset) {
  if (offset >= bytes.size()) return std::nullopt;
  const std::string_view rest = AsText(bytes.subspan(offset)).substr(0, kMaxStringSize + 1);
  const size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return rest.substr(0, end);
}

}  // namespace uprobed::elf

#endif  // UPROBED_SERVER_ELF_BYTE_READER_H_
