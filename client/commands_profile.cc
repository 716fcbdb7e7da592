#include <memory>
#include <string>
#include <vector>

#include "client/commands.h"
#include "client/escape.h"
#include "client/failure.h"
#include "client/parse.h"
#include "client/profile_file.h"
#include "client/profile_name.h"
#include "client/render_json.h"
#include "client/render_profile.h"
#include "client/target.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

grpc::Status CallResolve(Session& session, const TargetOptions& target, bool refresh,
                         v1::ResolveProfileResponse* response) {
  v1::ResolveProfileRequest request;
  if (absl::Status status = SetTarget(target, &request); !status.ok()) return FromAbsl(status);
  request.set_refresh(refresh);
  Connection& connection = session.connection();
  return connection.Unary([&](grpc::ClientContext* context) {
    return connection.profiles().ResolveProfile(context, request, response);
  });
}

ExitCode Resolve(Session& session, const TargetOptions& target, bool refresh) {
  v1::ResolveProfileResponse response;
  const grpc::Status status = CallResolve(session, target, refresh, &response);
  if (!status.ok()) return session.Fail(status);
  if (session.json()) {
    session.PrintJson(response);
  } else {
    PrintResolved(session.terminal(), response);
  }
  return ExitCode::kOk;
}

ExitCode List(Session& session) {
  v1::ListProfilesResponse all;
  if (const grpc::Status status = ListAllProfiles(session, &all); !status.ok()) {
    return session.Fail(status);
  }
  if (session.json()) {
    session.PrintJson(all);
    return ExitCode::kOk;
  }
  if (all.profiles().empty()) {
    session.terminal().ErrorLine("no profiles; try: uprobectl profile resolve PATH");
  }
  PrintProfiles(session.terminal(), {all.profiles().begin(), all.profiles().end()}, session.now());
  return ExitCode::kOk;
}

grpc::Status GetByName(Session& session, const std::string& given_name, v1::Profile* profile) {
  v1::GetProfileRequest request;
  if (grpc::Status status = ProfileName(session, given_name, request.mutable_name());
      !status.ok()) {
    return status;
  }
  Connection& connection = session.connection();
  return connection.Unary([&](grpc::ClientContext* context) {
    return connection.profiles().GetProfile(context, request, profile);
  });
}

ExitCode Show(Session& session, const std::string& name_or_path) {
  v1::Profile profile;
  grpc::Status status;
  if (IsProfilePath(name_or_path)) {
    v1::ResolveProfileResponse response;
    status = CallResolve(session, TargetOptions{name_or_path, 0}, false, &response);
    profile.Swap(response.mutable_profile());
  } else {
    status = GetByName(session, name_or_path, &profile);
  }
  if (!status.ok()) return session.Fail(status);
  if (session.json()) {
    session.PrintJson(profile);
  } else {
    PrintProfile(session.terminal(), profile);
  }
  return ExitCode::kOk;
}

ExitCode Export(Session& session, const std::vector<std::string>& names, const std::string& file) {
  v1::ExportProfilesRequest request;
  for (const std::string& name : names) {
    const grpc::Status status = ProfileName(session, name, request.add_names());
    if (!status.ok()) return session.Fail(status);
  }
  v1::ExportProfilesResponse response;
  Connection& connection = session.connection();
  grpc::Status status = connection.Unary([&](grpc::ClientContext* context) {
    return connection.profiles().ExportProfiles(context, request, &response);
  });
  if (!status.ok()) return session.Fail(status);
  if (file.empty()) {
    session.terminal().Write(ToJsonDocument(response));
    return ExitCode::kOk;
  }
  status = WriteProfiles(response, file);
  if (!status.ok()) return session.Fail(status);
  session.terminal().ErrorLine(
      fmt::format("{} profiles written to {}", response.profiles_size(), EscapeUntrusted(file)));
  return ExitCode::kOk;
}

struct ImportOptions {
  std::string file;
  std::string verify_path;
  bool force = false;
  bool dry_run = false;
};

ExitCode Import(Session& session, const ImportOptions& options) {
  v1::ExportProfilesResponse profiles;
  grpc::Status status = ReadProfiles(options.file, session.terminal().input(), &profiles);
  if (!status.ok()) return session.Fail(status);
  v1::ImportProfilesRequest request;
  request.mutable_profiles()->Swap(profiles.mutable_profiles());
  request.set_force(options.force);
  request.set_validate_only(options.dry_run);
  if (!options.verify_path.empty()) {
    const absl::StatusOr<std::string> path = AbsolutePath(options.verify_path);
    if (!path.ok()) return session.Fail(FromAbsl(path.status(), "--verify"));
    request.set_verify_binary_path(*path);
  }
  v1::ImportProfilesResponse response;
  Connection& connection = session.connection();
  status = connection.Unary([&](grpc::ClientContext* context) {
    return connection.profiles().ImportProfiles(context, request, &response);
  });
  if (!status.ok()) return session.Fail(status);
  if (session.json()) {
    session.PrintJson(response);
    return ExitCode::kOk;
  }
  for (const std::string& name : response.names()) {
    session.terminal().Line(fmt::format("{} {}", EscapeUntrusted(name),
                                        options.dry_run ? "would be imported" : "imported"));
  }
  return ExitCode::kOk;
}

ExitCode Verify(Session& session, const std::string& given_name, const std::string& binary) {
  v1::VerifyProfileRequest request;
  grpc::Status status = ProfileName(session, given_name, request.mutable_name());
  if (!status.ok()) return session.Fail(status);
  if (!binary.empty()) {
    const absl::StatusOr<std::string> path = AbsolutePath(binary);
    if (!path.ok()) return session.Fail(FromAbsl(path.status(), "--binary"));
    request.set_binary_path(*path);
  }
  v1::VerifyProfileResponse response;
  Connection& connection = session.connection();
  status = connection.Unary([&](grpc::ClientContext* context) {
    return connection.profiles().VerifyProfile(context, request, &response);
  });
  if (!status.ok()) return session.Fail(status);
  if (session.json()) session.PrintJson(response);
  if (!response.matches()) {
    return session.Fail(
        MakeFailure(grpc::StatusCode::FAILED_PRECONDITION, response.reason(), response.message()));
  }
  if (!session.json()) {
    session.terminal().Line(fmt::format("{} matches its binary", EscapeUntrusted(request.name())));
  }
  return ExitCode::kOk;
}

ExitCode Delete(Session& session, const std::string& given_name) {
  v1::DeleteProfileRequest request;
  grpc::Status status = ProfileName(session, given_name, request.mutable_name());
  if (!status.ok()) return session.Fail(status);
  google::protobuf::Empty response;
  Connection& connection = session.connection();
  status = connection.Unary([&](grpc::ClientContext* context) {
    return connection.profiles().DeleteProfile(context, request, &response);
  });
  if (!status.ok()) return session.Fail(status);
  if (session.json()) {
    session.PrintJson(response);
  } else {
    session.terminal().Line(fmt::format("{} is deleted", EscapeUntrusted(request.name())));
  }
  return ExitCode::kOk;
}

void AddResolve(CLI::App& group, Command& chosen) {
  struct Options {
    TargetOptions target;
    bool refresh = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* resolve = group.add_subcommand("resolve", "Analyse a program without attaching");
  AddTargetOptions(*resolve, options->target);
  resolve->add_flag("--refresh", options->refresh, "Analyse anew even where it is known");
  resolve->callback([&chosen, options] {
    chosen = [options](Session& session) {
      return Resolve(session, options->target, options->refresh);
    };
  });
}

void AddExport(CLI::App& group, Command& chosen) {
  struct Options {
    std::vector<std::string> names;
    std::string file;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* command = group.add_subcommand("export", "Write profiles as JSON");
  command->add_option("NAME", options->names, "Which; else all");
  command->add_option("--file", options->file, "Where to; else stdout");
  command->callback([&chosen, options] {
    chosen = [options](Session& session) { return Export(session, options->names, options->file); };
  });
}

void AddImport(CLI::App& group, Command& chosen) {
  const auto options = std::make_shared<ImportOptions>();
  CLI::App* command = group.add_subcommand("import", "Take in exported profiles, all or none");
  command->add_option("FILE", options->file, "File that was exported, or - for stdin")->required();
  command->add_option("--verify", options->verify_path, "A binary that its profile must match");
  command->add_flag("--force", options->force, "Replace profiles that were resolved here");
  command->add_flag("--dry-run", options->dry_run, "Check everything, change nothing");
  command->callback([&chosen, options] {
    chosen = [options](Session& session) { return Import(session, *options); };
  });
}

void AddShow(CLI::App& group, Command& chosen) {
  const auto name = std::make_shared<std::string>();
  CLI::App* command =
      group.add_subcommand("show", "Show every site of a profile with its cost, and every field");
  command->add_option("NAME-OR-PATH", *name, "Profile, the start of its name, or a program's path")
      ->required();
  command->callback(
      [&chosen, name] { chosen = [name](Session& session) { return Show(session, *name); }; });
}

void AddVerify(CLI::App& group, Command& chosen) {
  struct Options {
    std::string name;
    std::string binary;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* command = group.add_subcommand("verify", "Compare a profile with its binary");
  command->add_option("NAME", options->name, "Profile, or the start of its name")->required();
  command->add_option("--binary", options->binary, "Path; else where it was last seen");
  command->callback([&chosen, options] {
    chosen = [options](Session& session) {
      return Verify(session, options->name, options->binary);
    };
  });
}

}  // namespace

void AddProfileCommands(CLI::App& app, Command& chosen) {
  CLI::App* group = app.add_subcommand("profile", "What is known about programs");
  group->require_subcommand(0, 1);
  AddResolve(*group, chosen);
  group->add_subcommand("list", "List the profiles")->callback([&chosen] { chosen = List; });
  AddShow(*group, chosen);
  AddExport(*group, chosen);
  AddImport(*group, chosen);
  AddVerify(*group, chosen);
  const auto name = std::make_shared<std::string>();
  CLI::App* command = group->add_subcommand("delete", "Forget a profile");
  command->add_option("NAME", *name, "Profile, or the start of its name")->required();
  command->callback(
      [&chosen, name] { chosen = [name](Session& session) { return Delete(session, *name); }; });
}

}  // namespace uprobed::client
