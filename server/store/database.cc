#include "server/store/database.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <map>
#include <optional>
#include <type_traits>
#include <utility>

#include "server/base/errors.h"

namespace uprobed::store {
namespace {

absl::Status StatusFrom(const SQLite::Exception& exception, const std::string& path) {
  constexpr int kPrimaryCodeMask = 0xff;  // https://www.sqlite.org/rescode.html
  const std::map<std::string, std::string> metadata = {{"path", path}};
  switch (exception.getErrorCode() & kPrimaryCodeMask) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return MakeError(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
                       fmt::format("the database {} is damaged ({}); restart the daemon: it sets "
                                   "the file aside and begins a new one",
                                   path, exception.what()),
                       metadata);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return MakeError(absl::StatusCode::kUnavailable, "STORE_BUSY",
                       fmt::format("the database {} is in use by another process ({}); try again, "
                                   "and let only one daemon use it",
                                   path, exception.what()),
                       metadata);
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return MakeError(absl::StatusCode::kUnavailable, "STORE_IO",
                       fmt::format("the database {} cannot be read or written ({}); check the free "
                                   "space, the permissions and the disk",
                                   path, exception.what()),
                       metadata);
    default:
      return MakeError(absl::StatusCode::kInternal, "STORE_INTERNAL",
                       fmt::format("the database {} refused a statement ({}); this is a defect of "
                                   "the daemon, please report it",
                                   path, exception.what()),
                       metadata);
  }
}

// A statement left in the middle would keep its read transaction open.
class ResetOnExit {
 public:
  explicit ResetOnExit(SQLite::Statement& statement) : statement_(statement) {}
  ResetOnExit(const ResetOnExit&) = delete;
  ResetOnExit& operator=(const ResetOnExit&) = delete;
  // Reset returns the error that the last step has already reported.
  ~ResetOnExit() { statement_.tryReset(); }

 private:
  SQLite::Statement& statement_;
};

void Bind(SQLite::Statement& statement, int index, const Value& value) {
  std::visit(
      [&statement, index](const auto& typed) {
        if constexpr (std::is_same_v<std::decay_t<decltype(typed)>, std::vector<uint8_t>>) {
          // SQLite binds NULL for a null pointer, and an empty vector has one.
          const void* data = typed.empty() ? static_cast<const void*>("") : typed.data();
          statement.bind(index, data, static_cast<int>(typed.size()));
        } else {
          statement.bind(index, typed);
        }
      },
      value);
}

}  // namespace

int64_t Row::Integer(int column) const { return statement_.getColumn(column).getInt64(); }

double Row::Real(int column) const { return statement_.getColumn(column).getDouble(); }

std::string Row::Text(int column) const { return statement_.getColumn(column).getString(); }

std::vector<uint8_t> Row::Bytes(int column) const {
  const SQLite::Column cell = statement_.getColumn(column);
  const auto* data = static_cast<const uint8_t*>(cell.getBlob());
  if (data == nullptr) return {};
  return {data, data + cell.getBytes()};
}

Database::Database(std::unique_ptr<SQLite::Database> connection, std::string path)
    : path_(std::move(path)), connection_(std::move(connection)) {}
Database::Database(Database&& other) noexcept = default;
Database::~Database() = default;

absl::StatusOr<Database> Database::Open(const std::string& path, Access access,
                                        std::chrono::milliseconds busy_timeout) {
  const int flags = access == Access::kReadOnly ? SQLite::OPEN_READONLY
                                                : static_cast<int>(SQLite::OPEN_READWRITE);
  try {
    auto connection =
        std::make_unique<SQLite::Database>(path, flags, static_cast<int>(busy_timeout.count()));
    return Database(std::move(connection), path);
  } catch (const SQLite::Exception& exception) {
    return StatusFrom(exception, path);
  }
}

SQLite::Statement& Database::Prepare(const std::string& sql,
                                     std::initializer_list<Value> arguments) {
  std::unique_ptr<SQLite::Statement>& statement = statements_[sql];
  if (statement == nullptr) statement = std::make_unique<SQLite::Statement>(*connection_, sql);
  int index = 0;
  for (const Value& argument : arguments) Bind(*statement, ++index, argument);
  return *statement;
}

absl::StatusOr<int> Database::Execute(const std::string& sql,
                                      std::initializer_list<Value> arguments) {
  try {
    SQLite::Statement& statement = Prepare(sql, arguments);
    const ResetOnExit reset(statement);
    return statement.exec();
  } catch (const SQLite::Exception& exception) {
    return StatusFrom(exception, path_);
  }
}

absl::Status Database::Each(const std::string& sql, std::initializer_list<Value> arguments,
                            const std::function<absl::Status(const Row&)>& visit) {
  try {
    SQLite::Statement& statement = Prepare(sql, arguments);
    const ResetOnExit reset(statement);
    const Row row(statement);
    while (statement.executeStep()) RETURN_IF_ERROR(visit(row));
    return absl::OkStatus();
  } catch (const SQLite::Exception& exception) {
    return StatusFrom(exception, path_);
  }
}

absl::StatusOr<int64_t> Database::Integer(const std::string& sql,
                                          std::initializer_list<Value> arguments) {
  std::optional<int64_t> first;
  RETURN_IF_ERROR(Each(sql, arguments, [&first](const Row& row) {
    if (!first.has_value()) first = row.Integer(0);
    return absl::OkStatus();
  }));
  if (first.has_value()) return *first;
  return MakeError(absl::StatusCode::kNotFound, "STORE_NO_ROW",
                   fmt::format("the database {} has no row for: {}", path_, sql));
}

absl::Status Database::ExecuteScript(const std::string& sql) {
  try {
    connection_->exec(sql);
    return absl::OkStatus();
  } catch (const SQLite::Exception& exception) {
    return StatusFrom(exception, path_);
  }
}

absl::Status Database::Transaction(TransactionKind kind,
                                   const std::function<absl::Status()>& body) {
  const auto behavior = kind == TransactionKind::kWrite ? SQLite::TransactionBehavior::IMMEDIATE
                                                        : SQLite::TransactionBehavior::DEFERRED;
  try {
    SQLite::Transaction transaction(*connection_, behavior);
    RETURN_IF_ERROR(body());
    transaction.commit();
    return absl::OkStatus();
  } catch (const SQLite::Exception& exception) {
    return StatusFrom(exception, path_);
  }
}

absl::Status Database::CheckIntegrity() {
  std::string problems;
  RETURN_IF_ERROR(Each("PRAGMA quick_check(10)", {}, [&problems](const Row& row) {
    if (const std::string line = row.Text(0); line != "ok") problems += "; " + line;
    return absl::OkStatus();
  }));
  if (problems.empty()) return absl::OkStatus();
  return StatusFrom(SQLite::Exception("quick_check" + problems, SQLITE_CORRUPT), path_);
}

}  // namespace uprobed::store
