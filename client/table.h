#ifndef UPROBED_CLIENT_TABLE_H_
#define UPROBED_CLIENT_TABLE_H_

#include <string>
#include <vector>

#include "client/terminal.h"

namespace uprobed::client {

// One cell. `text` comes as it is from outside: the table escapes it.
struct Cell {
  Cell(std::string cell_text, Colour cell_colour = Colour::kNone)  // NOLINT: a row reads as text
      : text(std::move(cell_text)), colour(cell_colour) {}
  Cell(const char* cell_text) : text(cell_text) {}  // NOLINT: a row reads as text

  std::string text;
  Colour colour = Colour::kNone;
};

enum class Align { kLeft, kRight };

struct Column {
  Column(std::string column_title, Align column_align = Align::kLeft)  // NOLINT: as Cell
      : title(std::move(column_title)), align(column_align) {}
  Column(const char* column_title) : title(column_title) {}  // NOLINT: as Cell

  std::string title;
  Align align = Align::kLeft;
};

// A table of columns as wide as their widest cell, two spaces apart, without spaces at line ends.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // `cells` has one cell for each column; an empty one is shown as "-".
  void AddRow(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  // Header and rows; nothing where there are no rows.
  void Print(Terminal& terminal) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// "key:    value" lines with the values aligned, the keys being trusted and the values not.
class Details {
 public:
  // Leaves out an empty value.
  void Add(std::string key, Cell value);
  void Print(Terminal& terminal) const;

 private:
  struct Entry {
    std::string key;
    Cell value;
  };
  std::vector<Entry> entries_;
};

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_TABLE_H_
