# Writes OUTPUT, the C++ source that holds MIGRATIONS, the .sql files of SOURCE_DIR.
set(entries "")
set(expected 0)
foreach(file IN LISTS MIGRATIONS)
  math(EXPR expected "${expected} + 1")
  if(NOT file MATCHES "^([0-9][0-9][0-9][0-9])_([a-z0-9_]+)\\.sql$")
    message(FATAL_ERROR "migrations/${file}: a migration is named NNNN_name.sql")
  endif()
  set(name ${CMAKE_MATCH_2})
  string(REGEX REPLACE "^0+" "" version ${CMAKE_MATCH_1})
  if(NOT version EQUAL expected)
    message(FATAL_ERROR "migrations/${file}: number ${expected} comes next")
  endif()
  file(READ ${SOURCE_DIR}/${file} sql)
  file(SHA256 ${SOURCE_DIR}/${file} sha256)
  string(APPEND entries
    "    {${version}, \"${name}\", \"${sha256}\", R\"uprobed_sql(${sql})uprobed_sql\"},\n")
endforeach()

file(WRITE ${OUTPUT} "// Generated from migrations/*.sql.
#include \"migrations/migrations.h\"

namespace uprobed::store {
namespace {

constexpr Migration kMigrations[] = {
${entries}};

}  // namespace

std::span<const Migration> EmbeddedMigrations() { return kMigrations; }

}  // namespace uprobed::store
")
