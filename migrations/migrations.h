#ifndef UPROBED_MIGRATIONS_MIGRATIONS_H_
#define UPROBED_MIGRATIONS_MIGRATIONS_H_

#include <span>
#include <string_view>

namespace uprobed::store {

// One step of the database's schema, from `version` - 1 to `version`.
struct Migration {
  int version = 0;          // the first is 1
  std::string_view name;    // "initial", of 0001_initial.sql
  std::string_view sha256;  // of the file, hexadecimal: a released file is never edited
  std::string_view sql;     // one or more statements; no BEGIN, COMMIT or PRAGMA
};

// The files NNNN_name.sql of this folder, embedded when the program was built; ascending.
std::span<const Migration> EmbeddedMigrations();

}  // namespace uprobed::store

#endif  // UPROBED_MIGRATIONS_MIGRATIONS_H_
