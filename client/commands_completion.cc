#include <memory>
#include <string>

#include "client/commands.h"
#include "client/completion.h"

namespace uprobed::client {

void AddCompletionCommand(CLI::App& app, Command& chosen) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "completion", "Print a completion script: source <(uprobectl completion bash)");
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&app, &chosen, shell] {
    chosen = [&app, shell](Session& session) {
      session.terminal().Write(*shell == "bash"  ? BashCompletion(app)
                               : *shell == "zsh" ? ZshCompletion(app)
                                                 : FishCompletion(app));
      return ExitCode::kOk;
    };
  });
}

}  // namespace uprobed::client
