#include "tests/bench/report.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <fstream>
#include <string_view>

#include "server/base/errors.h"

namespace uprobed::bench {

void Report::Row::Set(const std::string& figure, double value) {
  (*fields_.mutable_fields())[figure].set_number_value(value);
}

void Report::Row::Set(const std::string& figure, const Spread& spread) {
  auto& fields = *(*fields_.mutable_fields())[figure].mutable_struct_value()->mutable_fields();
  fields["median"].set_number_value(spread.median);
  fields["low"].set_number_value(spread.low);
  fields["high"].set_number_value(spread.high);
}

Report::Row Report::Add(const std::string& name) {
  google::protobuf::Struct& fields = *rows_.add_values()->mutable_struct_value();
  (*fields.mutable_fields())["name"].set_string_value(name);
  return Row(fields);
}

void Report::AddTargetAtMost(const std::string& name, double seen, double wanted) {
  AddTarget(name, seen, fmt::format("<= {:g}", wanted), seen <= wanted);
}

void Report::AddTargetAtLeast(const std::string& name, double seen, double wanted) {
  AddTarget(name, seen, fmt::format(">= {:g}", wanted), seen >= wanted);
}

void Report::AddTarget(const std::string& name, double seen, const std::string& wanted, bool met) {
  auto& fields = *targets_.add_values()->mutable_struct_value()->mutable_fields();
  fields["name"].set_string_value(name);
  fields["seen"].set_number_value(seen);
  fields["wanted"].set_string_value(wanted);
  fields["met"].set_bool_value(met);
}

absl::Status Report::Write(const std::string& path) const {
  if (path.empty()) return absl::OkStatus();
  google::protobuf::Struct whole;
  *(*whole.mutable_fields())["rows"].mutable_list_value() = rows_;
  *(*whole.mutable_fields())["targets"].mutable_list_value() = targets_;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(whole, &json).ok()) {
    return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED",
                     "a figure is no number that JSON has");
  }
  std::ofstream file(path);
  file << json << '\n';
  file.close();
  if (file.fail()) {
    return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED", "cannot write " + path);
  }
  return absl::OkStatus();
}

Arguments ParseArguments(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = values[i];
    if (word == "--quick") {
      arguments.quick = true;
    } else if (word == "--json" && i + 1 < count) {
      arguments.json_path = values[++i];
    } else {
      arguments.words.emplace_back(word);
    }
  }
  return arguments;
}

}  // namespace uprobed::bench
