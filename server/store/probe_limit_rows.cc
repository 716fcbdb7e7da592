#include "server/store/probe_limit_rows.h"

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "server/base/errors.h"
#include "server/store/row_decoder.h"

namespace uprobed::store {
namespace {

constexpr char kMethod[] = "method";
constexpr char kPathPrefix[] = "path_prefix";

absl::Status InsertTexts(Database& database, const std::string& id, const char* kind,
                         const std::vector<std::string>& texts) {
  int64_t position = 0;
  for (const std::string& text : texts) {
    RETURN_IF_ERROR(database
                        .Execute("INSERT INTO probe_limit_texts (probe_id, kind, position, text)"
                                 " VALUES (?, ?, ?, ?)",
                                 {id, std::string(kind), position++, text})
                        .status());
  }
  return absl::OkStatus();
}

absl::Status ReadTexts(Database& database, std::map<std::string, ProbeRecord>& probes) {
  return database.Each(
      "SELECT probe_id, kind, position, text FROM probe_limit_texts"
      " ORDER BY probe_id, kind, position",
      {}, [&](const Row& row) {
        RowDecoder decoder(row, fmt::format("probe_limit_texts {} {} of probes/{}", row.Text(1),
                                            row.Text(2), row.Text(0)));
        const auto probe = probes.find(decoder.Text(0));
        if (probe == probes.end()) {
          decoder.Refuse("there is no such probe");
          return decoder.status();
        }
        SpanLimits& limits = probe->second.spec.span_limits;
        std::vector<std::string>& texts =
            decoder.Text(1) == kMethod ? limits.methods : limits.path_prefixes;
        decoder.ExpectPosition(2, texts.size());
        texts.push_back(decoder.Text(3));
        return decoder.status();
      });
}

}  // namespace

absl::Status InsertProbeLimits(Database& database, const ProbeRecord& probe) {
  const SpanLimits& limits = probe.spec.span_limits;
  RETURN_IF_ERROR(
      database
          .Execute("UPDATE probes SET limit_status_classes = ?, limit_min_duration_ns = ?,"
                   " limit_samples = ?, limit_sample_ratio = ?, limit_spans_per_second = ?,"
                   " limit_burst = ?, limit_only_while_streamed = ? WHERE id = ?",
                   {limits.status_classes, limits.min_duration_ns, limits.sample_ratio.has_value(),
                    limits.sample_ratio.value_or(1), limits.spans_per_second, limits.burst,
                    limits.only_while_streamed, probe.id})
          .status());
  RETURN_IF_ERROR(InsertTexts(database, probe.id, kMethod, limits.methods));
  return InsertTexts(database, probe.id, kPathPrefix, limits.path_prefixes);
}

absl::Status ReadProbeLimits(Database& database, std::map<std::string, ProbeRecord>& probes) {
  RETURN_IF_ERROR(database.Each(
      "SELECT id, limit_status_classes, limit_min_duration_ns, limit_samples, limit_sample_ratio,"
      " limit_spans_per_second, limit_burst, limit_only_while_streamed FROM probes",
      {}, [&](const Row& row) {
        RowDecoder decoder(row, "probes/" + row.Text(0));
        SpanLimits& limits = probes[decoder.Text(0)].spec.span_limits;
        limits.status_classes = decoder.Number<uint32_t>(1);
        limits.min_duration_ns = row.Integer(2);
        if (decoder.Flag(3)) limits.sample_ratio = row.Real(4);
        limits.spans_per_second = row.Real(5);
        limits.burst = decoder.Number<uint32_t>(6);
        limits.only_while_streamed = decoder.Flag(7);
        return decoder.status();
      }));
  return ReadTexts(database, probes);
}

}  // namespace uprobed::store
