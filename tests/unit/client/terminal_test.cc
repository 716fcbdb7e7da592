#include "client/terminal.h"

#include <cerrno>
#include <sstream>

#include "gtest/gtest.h"

namespace uprobed::client {
namespace {

bool ShowsColours(bool is_terminal, const Environment& environment, bool allow = true) {
  std::istringstream in;
  std::ostringstream out;
  const Terminal terminal(Streams{in, out, out, is_terminal, is_terminal}, environment, allow);
  EXPECT_EQ(terminal.Paint(Colour::kRed, "x"), terminal.PaintError(Colour::kRed, "x"));
  return terminal.Paint(Colour::kRed, "x") != "x";
}

TEST(Terminal, ShowsColoursToAPerson) { EXPECT_TRUE(ShowsColours(true, {{"TERM", "xterm"}})); }

TEST(Terminal, ShowsNoColoursToAPipe) { EXPECT_FALSE(ShowsColours(false, {{"TERM", "xterm"}})); }

TEST(Terminal, ObeysNoColor) {
  EXPECT_FALSE(ShowsColours(true, {{"TERM", "xterm"}, {"NO_COLOR", "1"}}));
  EXPECT_TRUE(ShowsColours(true, {{"TERM", "xterm"}, {"NO_COLOR", ""}}));
  EXPECT_FALSE(ShowsColours(true, {{"TERM", "xterm"}}, false));
}

TEST(Terminal, ShowsNoColoursWhereTheTerminalIsDumb) {
  EXPECT_FALSE(ShowsColours(true, {{"TERM", "dumb"}}));
  EXPECT_FALSE(ShowsColours(true, {}));
}

TEST(Terminal, RemembersThatAWriteFailedAndWritesNoMore) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal(Streams{in, out, err}, {}, true);
  terminal.Line("first");
  EXPECT_EQ(terminal.write_errno(), 0);
  out.setstate(std::ios::badbit);
  terminal.Line("second");
  EXPECT_EQ(terminal.write_errno(), EIO);
  out.clear();
  terminal.Line("third");
  EXPECT_EQ(out.str(), "first\n");
}

}  // namespace
}  // namespace uprobed::client
