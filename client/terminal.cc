#include "client/terminal.h"

#include <cerrno>

#include "fmt/format.h"

namespace uprobed::client {
namespace {

const char* Sequence(Colour colour) {
  switch (colour) {
    case Colour::kNone:
      return "";
    case Colour::kBold:
      return "\x1b[1m";
    case Colour::kDim:
      return "\x1b[2m";
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kBlue:
      return "\x1b[34m";
  }
  return "";
}

std::string PaintIf(bool colours, Colour colour, std::string_view text) {
  if (!colours || colour == Colour::kNone || text.empty()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", Sequence(colour), text);
}

// no-color.org: any value but the empty one switches colours off.
bool EnvironmentAllowsColour(const Environment& environment) {
  const auto no_color = environment.find("NO_COLOR");
  if (no_color != environment.end() && !no_color->second.empty()) return false;
  const auto term = environment.find("TERM");
  return term != environment.end() && !term->second.empty() && term->second != "dumb";
}

}  // namespace

Terminal::Terminal(const Streams& streams, const Environment& environment, bool allow_colour)
    : streams_(streams) {
  const bool colours = allow_colour && EnvironmentAllowsColour(environment);
  out_colours_ = colours && streams.out_is_terminal;
  err_colours_ = colours && streams.err_is_terminal;
}

void Terminal::Line(std::string_view text) { Write(fmt::format("{}\n", text)); }

void Terminal::Write(std::string_view text) {
  if (write_errno_ != 0) return;
  errno = 0;
  streams_.out << text << std::flush;
  const int error_number = errno;
  // A stream that is no file fails without an errno.
  if (!streams_.out) write_errno_ = error_number != 0 ? error_number : EIO;
}

void Terminal::ErrorLine(std::string_view text) { streams_.err << text << '\n' << std::flush; }

std::string Terminal::Paint(Colour colour, std::string_view text) const {
  return PaintIf(out_colours_, colour, text);
}

std::string Terminal::PaintError(Colour colour, std::string_view text) const {
  return PaintIf(err_colours_, colour, text);
}

}  // namespace uprobed::client
