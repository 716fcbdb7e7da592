#include "server/store/probe_rows.h"

#include <fmt/format.h>

#include <map>

#include "server/base/errors.h"
#include "server/store/probe_limit_rows.h"
#include "server/store/row_decoder.h"

namespace uprobed::store {
namespace {

using profile::Instrumentation;

absl::Status CheckFree(Database& database, const std::string& id) {
  ASSIGN_OR_RETURN(const int64_t count,
                   database.Integer("SELECT count(*) FROM probes WHERE id = ?", {id}));
  if (count == 0) return absl::OkStatus();
  return MakeError(absl::StatusCode::kAlreadyExists, "PROBE_EXISTS",
                   fmt::format("probes/{} exists; update it, or choose another name", id),
                   {{"probe", "probes/" + id}});
}

absl::Status CheckGeneration(Database& database, const std::string& id, int64_t expected) {
  const absl::StatusOr<int64_t> stored =
      database.Integer("SELECT generation FROM probes WHERE id = ?", {id});
  if (absl::IsNotFound(stored.status())) {
    return MakeError(absl::StatusCode::kNotFound, "PROBE_NOT_FOUND",
                     fmt::format("there is no probes/{}; list the probes for those there are", id),
                     {{"probe", "probes/" + id}});
  }
  RETURN_IF_ERROR(stored.status());
  if (expected == 0 || *stored == expected) return absl::OkStatus();
  return MakeError(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                   fmt::format("probes/{} was changed by somebody else (generation {}, not {}); "
                               "read it again and repeat the change",
                               id, *stored, expected),
                   {{"probe", "probes/" + id}});
}

absl::Status DeleteHead(Database& database, const std::string& id) {
  return database.Execute("DELETE FROM probes WHERE id = ?", {id}).status();
}

absl::Status InsertAll(Database& database, const ProbeRecord& probe) {
  const ProbeSpec& spec = probe.spec;
  RETURN_IF_ERROR(
      database
          .Execute("INSERT INTO probes (id, uid, generation, binary_path, pid, pid_start_time,"
                   " boot_id, enabled, capture_query, service_name, create_time_unix_ns,"
                   " update_time_unix_ns, allow_suspect_profile, stitch_traces,"
                   " causality_goroutines, causality_channels, server_first_byte, client_body,"
                   " framework_routes, inject_traceparent, handler_function, max_overhead)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   {probe.id,
                    probe.uid,
                    probe.generation,
                    spec.binary_path,
                    spec.pid,
                    static_cast<int64_t>(spec.pid_start_time),
                    spec.boot_id,
                    spec.enabled,
                    spec.capture_query,
                    spec.service_name,
                    probe.create_time_unix_ns,
                    probe.update_time_unix_ns,
                    spec.allow_suspect_profile,
                    spec.stitch_traces,
                    spec.causality_goroutines,
                    spec.causality_channels,
                    spec.server_first_byte,
                    spec.client_body,
                    spec.framework_routes,
                    spec.inject_traceparent,
                    spec.handler_function,
                    spec.max_overhead})
          .status());
  RETURN_IF_ERROR(InsertProbeLimits(database, probe));
  int64_t position = 0;
  for (const Instrumentation instrumentation : spec.instrumentations) {
    RETURN_IF_ERROR(
        database
            .Execute("INSERT INTO probe_instrumentations (probe_id, position,"
                     " instrumentation) VALUES (?, ?, ?)",
                     {probe.id, position++, std::string(profile::Name(instrumentation))})
            .status());
  }
  for (const auto& [key, value] : probe.labels) {
    RETURN_IF_ERROR(database
                        .Execute("INSERT INTO probe_labels (probe_id, key, value) VALUES (?, ?, ?)",
                                 {probe.id, key, value})
                        .status());
  }
  return absl::OkStatus();
}

absl::Status ReadHeads(Database& database, std::map<std::string, ProbeRecord>& probes) {
  return database.Each(
      "SELECT id, uid, generation, binary_path, pid, pid_start_time, boot_id, enabled,"
      " capture_query, service_name, create_time_unix_ns, update_time_unix_ns,"
      " allow_suspect_profile, stitch_traces, causality_goroutines, causality_channels,"
      " server_first_byte, client_body, framework_routes, inject_traceparent, handler_function,"
      " max_overhead FROM probes",
      {}, [&](const Row& row) {
        RowDecoder decoder(row, "probes/" + row.Text(0));
        ProbeRecord& probe = probes[decoder.Text(0)];
        probe.id = decoder.Text(0);
        probe.uid = decoder.Text(1);
        probe.generation = row.Integer(2);
        probe.spec.binary_path = decoder.Text(3);
        probe.spec.pid = decoder.Number<uint32_t>(4);
        probe.spec.pid_start_time = decoder.Bits(5);
        probe.spec.boot_id = decoder.Text(6);
        probe.spec.enabled = decoder.Flag(7);
        probe.spec.capture_query = decoder.Flag(8);
        probe.spec.service_name = decoder.Text(9);
        probe.create_time_unix_ns = row.Integer(10);
        probe.update_time_unix_ns = row.Integer(11);
        probe.spec.allow_suspect_profile = decoder.Flag(12);
        probe.spec.stitch_traces = decoder.Flag(13);
        probe.spec.causality_goroutines = decoder.Flag(14);
        probe.spec.causality_channels = decoder.Flag(15);
        probe.spec.server_first_byte = decoder.Flag(16);
        probe.spec.client_body = decoder.Flag(17);
        probe.spec.framework_routes = decoder.Flag(18);
        probe.spec.inject_traceparent = decoder.Flag(19);
        probe.spec.handler_function = decoder.Flag(20);
        probe.spec.max_overhead = row.Real(21);
        return decoder.status();
      });
}

absl::Status ReadInstrumentations(Database& database, std::map<std::string, ProbeRecord>& probes) {
  return database.Each(
      "SELECT probe_id, position, instrumentation FROM probe_instrumentations"
      " ORDER BY probe_id, position",
      {}, [&](const Row& row) {
        RowDecoder decoder(
            row, fmt::format("probe_instrumentations {} of probes/{}", row.Text(1), row.Text(0)));
        const auto probe = probes.find(decoder.Text(0));
        if (probe == probes.end()) {
          decoder.Refuse("there is no such probe");
          return decoder.status();
        }
        std::vector<Instrumentation>& instrumentations = probe->second.spec.instrumentations;
        decoder.ExpectPosition(1, instrumentations.size());
        instrumentations.push_back(decoder.Enumeration(2, profile::InstrumentationFromName));
        return decoder.status();
      });
}

absl::Status ReadLabels(Database& database, std::map<std::string, ProbeRecord>& probes) {
  return database.Each("SELECT probe_id, key, value FROM probe_labels", {}, [&](const Row& row) {
    RowDecoder decoder(row, fmt::format("probe_labels {} of probes/{}", row.Text(1), row.Text(0)));
    const auto probe = probes.find(decoder.Text(0));
    if (probe == probes.end()) {
      decoder.Refuse("there is no such probe");
      return decoder.status();
    }
    probe->second.labels.emplace(decoder.Text(1), decoder.Text(2));
    return decoder.status();
  });
}

}  // namespace

absl::Status InsertProbeRows(Database& database, const ProbeRecord& probe) {
  return database.Transaction(Database::TransactionKind::kWrite, [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckFree(database, probe.id));
    return InsertAll(database, probe);
  });
}

absl::Status UpdateProbeRows(Database& database, const ProbeRecord& probe,
                             int64_t expected_generation) {
  return database.Transaction(Database::TransactionKind::kWrite, [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckGeneration(database, probe.id, expected_generation));
    RETURN_IF_ERROR(DeleteHead(database, probe.id));
    return InsertAll(database, probe);
  });
}

absl::Status DeleteProbeRows(Database& database, const std::string& id,
                             int64_t expected_generation) {
  return database.Transaction(Database::TransactionKind::kWrite, [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckGeneration(database, id, expected_generation));
    return DeleteHead(database, id);
  });
}

absl::StatusOr<std::vector<ProbeRecord>> ListProbeRows(Database& database) {
  std::map<std::string, ProbeRecord> probes;
  const absl::Status read =
      database.Transaction(Database::TransactionKind::kRead, [&]() -> absl::Status {
        RETURN_IF_ERROR(ReadHeads(database, probes));
        RETURN_IF_ERROR(ReadInstrumentations(database, probes));
        RETURN_IF_ERROR(ReadLabels(database, probes));
        return ReadProbeLimits(database, probes);
      });
  RETURN_IF_ERROR(read);
  std::vector<ProbeRecord> ordered;
  ordered.reserve(probes.size());
  for (auto& [id, probe] : probes) {
    ordered.push_back(std::move(probe));
  }
  return ordered;
}

}  // namespace uprobed::store
