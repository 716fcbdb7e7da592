#include "client/table.h"

#include <sstream>

#include "gtest/gtest.h"

namespace uprobed::client {
namespace {

class TableTest : public ::testing::Test {
 protected:
  std::istringstream in_;
  std::ostringstream out_;
  Terminal plain_{Streams{in_, out_, out_}, {}, true};
  Terminal coloured_{Streams{in_, out_, out_, true, true}, {{"TERM", "xterm"}}, true};
};

TEST_F(TableTest, AlignsColumnsAndLeavesNoSpacesAtLineEnds) {
  Table table({"NAME", Column("COUNT", Align::kRight), "PATH"});
  table.AddRow({"a", "1", "/x"});
  table.AddRow({"longer", "12345678", ""});
  table.Print(plain_);
  EXPECT_EQ(out_.str(),
            "NAME       COUNT  PATH\n"
            "a              1  /x\n"
            "longer  12345678  -\n");
}

TEST_F(TableTest, PrintsNothingWithoutRows) {
  Table({"NAME"}).Print(plain_);
  EXPECT_EQ(out_.str(), "");
}

TEST_F(TableTest, EscapesCells) {
  Table table({"NAME", "X"});
  table.AddRow({"a\x1b[31m\n", "y"});
  table.Print(plain_);
  EXPECT_EQ(out_.str(), "NAME         X\na\\x1b[31m\\n  y\n");
}

TEST_F(TableTest, CountsCharactersAndNotBytesOrColours) {
  Table table({"NAME", "X"});
  table.AddRow({Cell("caf\xc3\xa9", Colour::kRed), "y"});
  table.Print(coloured_);
  EXPECT_EQ(out_.str(), "\x1b[1mNAME\x1b[0m  \x1b[1mX\x1b[0m\n\x1b[31mcaf\xc3\xa9\x1b[0m  y\n");
}

TEST_F(TableTest, DetailsLeaveOutWhatIsEmpty) {
  Details details;
  details.Add("name", "shop");
  details.Add("error", "");
  details.Add("single-stepped", "a\nb");
  details.Print(plain_);
  EXPECT_EQ(out_.str(), "name:            shop\nsingle-stepped:  a\\nb\n");
}

}  // namespace
}  // namespace uprobed::client
