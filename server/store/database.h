#ifndef UPROBED_SERVER_STORE_DATABASE_H_
#define UPROBED_SERVER_STORE_DATABASE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace uprobed::store {

// The path that keeps a database in memory only.
inline constexpr std::string_view kInMemory = ":memory:";

// What a column or an argument of a statement holds.
using Value = std::variant<int64_t, double, std::string, std::vector<uint8_t>>;

// The current row of a query; columns count from 0. The tables are STRICT, so a column has the type
// that its table declares. Valid during the callback only.
class Row {
 public:
  explicit Row(SQLite::Statement& statement) : statement_(statement) {}
  int64_t Integer(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;
  std::vector<uint8_t> Bytes(int column) const;

 private:
  SQLite::Statement& statement_;
};

// One connection to SQLite. SQLite's exceptions end here: what fails is a Status with one of
//   DATA_LOSS STORE_CORRUPT     the file is damaged, or no database
//   UNAVAILABLE STORE_BUSY      another process holds a lock for longer than the busy timeout
//   UNAVAILABLE STORE_IO        no space, no permission, a failing disk
//   INTERNAL STORE_INTERNAL     anything else: a constraint, wrong SQL
// Statements are prepared once and kept, so SQL texts must come from a bounded set.
// Not thread-safe.
class Database {
 public:
  enum class Access : uint8_t { kReadWrite, kReadOnly };
  // Opens an existing file, or a new database for kInMemory, and changes nothing in it.
  static absl::StatusOr<Database> Open(
      const std::string& path, Access access = Access::kReadWrite,
      std::chrono::milliseconds busy_timeout = std::chrono::seconds(5));

  Database(Database&& other) noexcept;
  Database& operator=(Database&&) = delete;
  ~Database();

  const std::string& path() const { return path_; }

  // Runs one statement that returns no rows; returns how many rows it changed.
  absl::StatusOr<int> Execute(const std::string& sql, std::initializer_list<Value> arguments = {});
  // Calls `visit` with each row; stops at, and returns, its first error. `visit` must not run the
  // same SQL text again.
  absl::Status Each(const std::string& sql, std::initializer_list<Value> arguments,
                    const std::function<absl::Status(const Row&)>& visit);
  // The first column of the first row; NOT_FOUND STORE_NO_ROW where there is none.
  absl::StatusOr<int64_t> Integer(const std::string& sql,
                                  std::initializer_list<Value> arguments = {});
  // Runs several statements, not kept.
  absl::Status ExecuteScript(const std::string& sql);

  // Runs `body` in one transaction: committed where it returns OK, else undone. kWrite takes the
  // write lock at once, so that no later statement can fail for want of it.
  enum class TransactionKind : uint8_t { kRead, kWrite };
  absl::Status Transaction(TransactionKind kind, const std::function<absl::Status()>& body);

  // PRAGMA quick_check.
  absl::Status CheckIntegrity();

 private:
  Database(std::unique_ptr<SQLite::Database> connection, std::string path);
  SQLite::Statement& Prepare(const std::string& sql, std::initializer_list<Value> arguments);

  std::string path_;
  std::unique_ptr<SQLite::Database> connection_;
  // After connection_: a connection must outlive its statements.
  std::unordered_map<std::string, std::unique_ptr<SQLite::Statement>> statements_;
};

}  // namespace uprobed::store

#endif  // UPROBED_SERVER_STORE_DATABASE_H_
