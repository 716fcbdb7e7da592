#include "client/completion.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/format.h"

namespace uprobed::client {
namespace {

struct OptionEntry {
  std::vector<std::string> names;  // "--output", "-o"
  std::string description;
  bool takes_value = false;
};

// A command by its words: {"probe", "describe"}; the root has none.
struct CommandEntry {
  std::vector<std::string> words;
  std::vector<std::pair<std::string, std::string>> subcommands;  // name and description
  std::vector<OptionEntry> options;
  std::string positional;  // "PATH", "NAME"; empty: none
};

void Collect(const CLI::App& app, const std::vector<std::string>& words,
             std::vector<CommandEntry>& entries) {
  CommandEntry entry;
  entry.words = words;
  for (const CLI::Option* option : app.get_options({})) {
    // Each command has its own --help; the root's is offered everywhere.
    if (!words.empty() && (option == app.get_help_ptr() || option == app.get_help_all_ptr())) {
      continue;
    }
    if (option->get_positional()) {
      entry.positional = option->get_name(true);
      continue;
    }
    OptionEntry added;
    for (const std::string& name : option->get_lnames()) added.names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) added.names.push_back("-" + name);
    added.description = option->get_description();
    added.takes_value = option->get_items_expected_max() > 0;
    entry.options.push_back(std::move(added));
  }
  const std::vector<const CLI::App*> subcommands = app.get_subcommands({});
  for (const CLI::App* subcommand : subcommands) {
    entry.subcommands.emplace_back(subcommand->get_name(), subcommand->get_description());
  }
  entries.push_back(std::move(entry));
  for (const CLI::App* subcommand : subcommands) {
    std::vector<std::string> deeper = words;
    deeper.push_back(subcommand->get_name());
    Collect(*subcommand, deeper, entries);
  }
}

std::vector<CommandEntry> Collect(const CLI::App& app) {
  std::vector<CommandEntry> entries;
  Collect(app, {}, entries);
  return entries;
}

// "/probe/describe"; the root is "".
std::string PathOf(const CommandEntry& entry) {
  std::string path;
  for (const std::string& word : entry.words) path += "/" + word;
  return path;
}

// A pattern that matches each command but the root.
std::string AnyPath(const std::vector<CommandEntry>& entries) {
  std::string pattern;
  for (const CommandEntry& entry : entries) {
    if (entry.words.empty()) continue;
    pattern += (pattern.empty() ? "" : "|") + PathOf(entry);
  }
  return pattern;
}

bool IsProfileCommand(const CommandEntry& entry) {
  return !entry.words.empty() && entry.words.front() == "profile";
}

// A shell command that prints the names that `entry` takes; empty where it takes none. The names
// are the first column of a table and hold nothing that a shell would expand.
std::string NamesCommand(const CommandEntry& entry) {
  if (entry.positional.rfind("NAME", 0) != 0) return "";
  return fmt::format("uprobectl --timeout 1s {} 2>/dev/null | awk \"NR > 1 {{print \\$1}}\"",
                     IsProfileCommand(entry) ? "profile list" : "probes");
}

bool TakesFile(const CommandEntry& entry) {
  return entry.positional.find("PATH") != std::string::npos || entry.positional == "FILE";
}

bool TakesFile(const OptionEntry& option) {
  const std::string& name = option.names.front();
  return name == "--file" || name == "--verify" || name == "--binary";
}

// In single quotes, for any of the three shells but fish, which takes \' inside them.
std::string QuoteShell(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string QuoteFish(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string BashWords(const CommandEntry& entry) {
  std::string words;
  for (const auto& [name, description] : entry.subcommands) words += name + " ";
  if (entry.positional == "SHELL") words += "bash zsh fish ";
  for (const OptionEntry& option : entry.options) {
    for (const std::string& name : option.names) words += name + " ";
  }
  if (!words.empty()) words.pop_back();
  return words;
}

// Names of all options that take a value, as a pattern.
std::string ValueOptions(const std::vector<CommandEntry>& entries) {
  std::vector<std::string> names;
  for (const CommandEntry& entry : entries) {
    for (const OptionEntry& option : entry.options) {
      if (option.takes_value) names.insert(names.end(), option.names.begin(), option.names.end());
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::string pattern;
  for (const std::string& name : names) pattern += (pattern.empty() ? "" : "|") + name;
  return pattern;
}

// One entry of zsh's _describe: a colon ends the name.
std::string ZshCandidate(const std::string& name, const std::string& description) {
  return QuoteShell(name + ":" + description) + " ";
}

std::string ZshOptions(const CommandEntry& entry) {
  std::string options;
  for (const OptionEntry& option : entry.options) {
    for (const std::string& name : option.names) options += ZshCandidate(name, option.description);
  }
  return options;
}

std::string ZshCase(const CommandEntry& entry) {
  std::string candidates;
  for (const auto& [name, description] : entry.subcommands) {
    candidates += ZshCandidate(name, description);
  }
  if (entry.positional == "SHELL") candidates += "bash zsh fish ";
  // The root's options are offered behind every command.
  const std::string options = entry.words.empty() ? "" : ZshOptions(entry);
  const std::string names = NamesCommand(entry);
  return fmt::format("    ({})\n      candidates=({}{})\n      options+=({})\n{}      ;;\n",
                     QuoteShell(PathOf(entry)), candidates,
                     names.empty() ? "" : "${(f)\"$(" + names + ")\"}", options,
                     TakesFile(entry) ? "      files=1\n" : "");
}

// The condition under which `entry` is the command on fish's command line.
std::string FishCondition(const CommandEntry& entry) {
  if (entry.words.empty()) return "__fish_use_subcommand";
  std::string condition;
  for (const std::string& word : entry.words) {
    condition += (condition.empty() ? "" : "; and ");
    condition += "__fish_seen_subcommand_from " + word;
  }
  if (entry.subcommands.empty()) return condition;
  condition += "; and not __fish_seen_subcommand_from";
  for (const auto& [name, description] : entry.subcommands) condition += " " + name;
  return condition;
}

std::string FishOption(const std::string& prefix, const OptionEntry& option) {
  std::string line = prefix;
  for (const std::string& name : option.names) {
    const bool is_long = name.rfind("--", 0) == 0;
    line += fmt::format(" {} {}", is_long ? "-l" : "-s", name.substr(is_long ? 2 : 1));
  }
  if (option.takes_value) line += TakesFile(option) ? " -r -F" : " -x";
  return fmt::format("{} -d {}\n", line, QuoteFish(option.description));
}

std::string FishLines(const CommandEntry& entry) {
  const std::string conditional =
      fmt::format("complete -c uprobectl -n {}", QuoteFish(FishCondition(entry)));
  std::string lines;
  for (const auto& [name, description] : entry.subcommands) {
    lines += fmt::format("{} -a {} -d {}\n", conditional, name, QuoteFish(description));
  }
  if (entry.positional == "SHELL") lines += conditional + " -a 'bash zsh fish'\n";
  if (const std::string names = NamesCommand(entry); !names.empty()) {
    lines += fmt::format("{} -a {}\n", conditional, QuoteFish("(" + names + ")"));
  }
  if (TakesFile(entry)) lines += conditional + " -F\n";
  // The root's options may stand behind every command.
  const std::string prefix = entry.words.empty() ? "complete -c uprobectl" : conditional;
  for (const OptionEntry& option : entry.options) lines += FishOption(prefix, option);
  return lines;
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  const std::vector<CommandEntry> entries = Collect(app);
  std::string cases;
  for (const CommandEntry& entry : entries) {
    const std::string names = NamesCommand(entry);
    cases +=
        fmt::format("    {}) words={}{} ;;\n", QuoteShell(PathOf(entry)),
                    QuoteShell(BashWords(entry)), names.empty() ? "" : "\" $(" + names + ")\"");
  }
  return fmt::format(R"(# bash completion for uprobectl
_uprobectl() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
  local path="" word words=""
  COMPREPLY=()
  case "$previous" in
    -o|--output) COMPREPLY=($(compgen -W "table json tree dot mermaid" -- "$current")); return ;;
    --instrumentation)
      COMPREPLY=($(compgen -W "http_server http_client grpc_server grpc_client" -- "$current")); return ;;
    {}) return ;;
  esac
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$path/$word" in
      {}) path="$path/$word" ;;
    esac
  done
  case "$path" in
{}  esac
  if [[ $current == -* ]]; then words="$words {}"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _uprobectl uprobectl
)",
                     ValueOptions(entries), AnyPath(entries), cases, BashWords(entries.front()));
}

std::string ZshCompletion(const CLI::App& app) {
  const std::vector<CommandEntry> entries = Collect(app);
  std::string cases;
  for (const CommandEntry& entry : entries) cases += ZshCase(entry);
  return fmt::format(R"(#compdef uprobectl
_uprobectl() {{
  local command_path="" word
  local -i files=0
  local -a candidates options
  case "${{words[CURRENT-1]}}" in
    (-o|--output) candidates=(table json tree dot mermaid); _describe value candidates; return ;;
    (--instrumentation)
      candidates=(http_server http_client grpc_server grpc_client); _describe value candidates; return ;;
    ({}) _files; return ;;
  esac
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "$command_path/$word" in
      ({}) command_path="$command_path/$word" ;;
    esac
  done
  options=({})
  case "$command_path" in
{}  esac
  if [[ ${{words[CURRENT]}} == -* ]]; then
    _describe -o option options
    return
  fi
  (( ${{#candidates}} )) && _describe value candidates
  (( files )) && _files
}}
if [[ $funcstack[1] == _uprobectl ]]; then
  _uprobectl "$@"
else
  compdef _uprobectl uprobectl
fi
)",
                     ValueOptions(entries), AnyPath(entries), ZshOptions(entries.front()), cases);
}

std::string FishCompletion(const CLI::App& app) {
  std::string script = "# fish completion for uprobectl\ncomplete -c uprobectl -f\n";
  for (const CommandEntry& entry : Collect(app)) script += FishLines(entry);
  return script;
}

}  // namespace uprobed::client
