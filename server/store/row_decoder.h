#ifndef UPROBED_SERVER_STORE_ROW_DECODER_H_
#define UPROBED_SERVER_STORE_ROW_DECODER_H_

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/base/errors.h"
#include "server/store/database.h"

namespace uprobed::store {

// Decodes the columns of one row into values. The first column that does not decode is kept as the
// status, DATA_LOSS STORE_CORRUPT naming the row; what is returned then is not to be used.
class RowDecoder {
 public:
  // `name` is how the error calls the row: "profile_sites 3 of profiles/0123".
  RowDecoder(const Row& row, std::string name) : row_(row), name_(std::move(name)) {}

  const absl::Status& status() const { return status_; }

  std::string Text(int column) const { return row_.Text(column); }
  std::vector<uint8_t> Bytes(int column) const { return row_.Bytes(column); }
  bool Flag(int column) const { return row_.Integer(column) != 0; }
  // A 64-bit number of either sign: the store keeps the bits.
  uint64_t Bits(int column) const { return static_cast<uint64_t>(row_.Integer(column)); }

  template <typename Integer>
  Integer Number(int column) {
    const int64_t number = row_.Integer(column);
    if (!std::in_range<Integer>(number)) Refuse(fmt::format("{} is out of range", number));
    return static_cast<Integer>(number);
  }

  template <typename Enum>
  Enum Enumeration(int column, std::optional<Enum> (*from_name)(std::string_view)) {
    const std::string name = row_.Text(column);
    const std::optional<Enum> value = from_name(name);
    if (!value.has_value()) Refuse(fmt::format("\"{}\" is unknown", name));
    return value.value_or(Enum{});
  }

  // The place of the row in its list; a gap means that rows before it were lost.
  void ExpectPosition(int column, size_t expected) {
    if (std::cmp_not_equal(row_.Integer(column), expected)) {
      Refuse(fmt::format("position {} follows {} rows", row_.Integer(column), expected));
    }
  }

  void Refuse(const std::string& problem) {
    if (!status_.ok()) return;
    status_ = MakeError(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
                        fmt::format("the stored row {} does not decode ({}); delete what it "
                                    "belongs to and create it anew",
                                    name_, problem),
                        {{"row", name_}});
  }

 private:
  const Row& row_;
  std::string name_;
  absl::Status status_;
};

}  // namespace uprobed::store

#endif  // UPROBED_SERVER_STORE_ROW_DECODER_H_
