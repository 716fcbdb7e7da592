#ifndef UPROBED_CLIENT_TERMINAL_H_
#define UPROBED_CLIENT_TERMINAL_H_

#include <istream>
#include <map>
#include <ostream>
#include <string>
#include <string_view>

namespace uprobed::client {

enum class Colour { kNone, kBold, kDim, kRed, kGreen, kYellow, kBlue };

// What the process was given: its streams and whether a person looks at them.
struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
};

// Environment variables by name; only those that are set.
using Environment = std::map<std::string, std::string>;

// Writes for people. Each line is flushed, because a reader at the other end of a pipe waits for
// it. A failed write is remembered and ends the output. Text is printed as given: whoever passes
// text from outside calls EscapeUntrusted first. Thread: main only.
class Terminal {
 public:
  // Colours on a stream only where it is a terminal, `allow_colour`, NO_COLOR is not set and TERM
  // is not "dumb".
  Terminal(const Streams& streams, const Environment& environment, bool allow_colour);

  // Prints `text` and a line break to stdout.
  void Line(std::string_view text);
  // Prints `text` as it is to stdout.
  void Write(std::string_view text);
  // Prints `text` and a line break to stderr.
  void ErrorLine(std::string_view text);

  // `text` in `colour` where stdout shows colours.
  std::string Paint(Colour colour, std::string_view text) const;
  // The same for stderr.
  std::string PaintError(Colour colour, std::string_view text) const;

  std::istream& input() { return streams_.in; }
  bool out_is_terminal() const { return streams_.out_is_terminal; }
  bool err_is_terminal() const { return streams_.err_is_terminal; }
  // errno of the first write to stdout that failed; 0: none did. EPIPE: the reader is gone.
  int write_errno() const { return write_errno_; }

 private:
  Streams streams_;
  bool out_colours_ = false;
  bool err_colours_ = false;
  int write_errno_ = 0;
};

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_TERMINAL_H_
