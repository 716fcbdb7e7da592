#include "client/table.h"

#include <algorithm>

#include "client/escape.h"

namespace uprobed::client {
namespace {

constexpr size_t kGap = 2;

}  // namespace

void Table::AddRow(std::vector<Cell> cells) {
  for (Cell& cell : cells) cell.text = cell.text.empty() ? "-" : EscapeUntrusted(cell.text);
  rows_.push_back(std::move(cells));
}

void Table::Print(Terminal& terminal) const {
  if (rows_.empty()) return;
  std::vector<size_t> widths(columns_.size());
  for (size_t i = 0; i < columns_.size(); ++i) {
    widths[i] = CountCharacters(columns_[i].title);
    for (const std::vector<Cell>& row : rows_) {
      widths[i] = std::max(widths[i], CountCharacters(row[i].text));
    }
  }
  const auto print_row = [&](const std::vector<Cell>& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - CountCharacters(row[i].text), ' ');
      const std::string painted = terminal.Paint(row[i].colour, row[i].text);
      const bool right = columns_[i].align == Align::kRight;
      const bool last = i + 1 == row.size();
      line += right ? padding + painted : painted;
      if (!last) line += (right ? "" : padding) + std::string(kGap, ' ');
    }
    terminal.Line(line);
  };
  std::vector<Cell> header;
  for (const Column& column : columns_) header.emplace_back(column.title, Colour::kBold);
  print_row(header);
  for (const std::vector<Cell>& row : rows_) print_row(row);
}

void Details::Add(std::string key, Cell value) {
  if (value.text.empty()) return;
  value.text = EscapeUntrusted(value.text);
  entries_.push_back({std::move(key), std::move(value)});
}

void Details::Print(Terminal& terminal) const {
  size_t width = 0;
  for (const Entry& entry : entries_) width = std::max(width, entry.key.size());
  for (const Entry& entry : entries_) {
    terminal.Line(entry.key + ":" + std::string(width - entry.key.size() + kGap, ' ') +
                  terminal.Paint(entry.value.colour, entry.value.text));
  }
}

}  // namespace uprobed::client
