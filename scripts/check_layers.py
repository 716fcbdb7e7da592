#!/usr/bin/env python3
"""Checks every #include against the layers of the project and the confinement of third-party headers.

A file may include its own folder and what its layer allows, never a folder above or beside it. A new
folder must be entered here before anything in it may include anything.
Usage: scripts/check_layers.py [ROOT]; prints each violation and exits with 1 if there are any.
"""

import pathlib
import re
import sys

# folder -> the folders that it may include besides itself. The longest matching folder counts.
LAYERS = {
    "bpf": [],
    "bpf/abi": [],
    "server/base": [],
    "server/elf": ["server/base"],
    "server/span": ["server/base", "bpf/abi"],
    "server/profile": ["server/base", "server/elf", "bpf/abi"],
    "server/store": ["server/base", "server/profile"],
    "server/probe": ["server/base", "server/profile", "server/elf", "bpf/abi"],
    "server/stream": ["server/base", "server/span"],
    "server/control": ["server/base", "server/elf", "server/profile", "server/span", "server/store",
                       "server/probe", "server/stream", "bpf/abi"],
    "server/rpc": ["server/base", "server/elf", "server/profile", "server/span", "server/store",
                   "server/probe", "server/stream", "server/control", "server/metrics", "bpf/abi"],
    "server/metrics": ["server/base", "server/elf", "server/profile", "server/span", "server/store",
                       "server/probe", "server/stream", "server/control", "bpf/abi"],
    "server": ["server", "bpf/abi"],
    "client": [],
    "tests": ["tests", "server", "client", "bpf"],
}

# Narrower than the folder: values and interfaces that lower or equal layers may know.
FILE_RULES = {
    # Profile values are below the resolver: they know neither binaries nor the kernel.
    "server/profile/profile.h": ["server/base/field_verdict.h"],
    "server/profile/profile.cc": ["server/base", "server/profile"],
    # The store keeps profiles and must not be able to make them.
    "server/store": ["server/base", "server/profile/profile.h"],
    "server/probe/probe_backend.h": ["server/base/span_limits.h", "server/probe/hit_costs.h",
                                     "server/profile/profile.h", "bpf/abi"],
    "server/probe/hit_costs.h": ["server/profile/profile.h", "bpf/abi"],
    # The API reports metrics as snapshots and must not depend on an exporter.
    "server/rpc->server/metrics": ["server/metrics/snapshot.h"],
}

# third-party header -> the only folders that may include it. The tests of a folder may do so too.
CONFINED = [
    (r"(gelf|libelf|elfutils/.*|dwarf|libdw|libdwfl)(\.h)?", ["server/elf"]),
    (r"capstone/.*", ["server/elf"]),
    (r"(sqlite3\.h|SQLiteCpp/.*)", ["server/store"]),
    (r"(grpc(pp)?(\+\+)?/.*|google/protobuf/.*|.*\.pb\.h)", ["server/rpc", "client"]),
    (r"prometheus/.*", ["server/metrics"]),
    (r"(bpf/(?!abi/).*|.*\.skel\.h)", ["server/probe", "bpf"]),
]

# In these only .cc files may include what is confined to them: their headers stay free of it.
SOURCES_ONLY = ["server/store"]

TOPS = ("bpf", "server", "client", "tests")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
SOURCE_SUFFIXES = {".h", ".cc", ".c", ".inc"}


def is_below(path, folder):
    return path == folder or path.startswith(folder + "/")


def layer_of(path):
    """The folder in LAYERS that `path` belongs to; None for one that is not entered there."""
    layer = max((folder for folder in LAYERS if is_below(path, folder)), key=len, default=None)
    # server/ itself is the top of the daemon: only its own files are, no folder below it.
    if layer == "server" and path.count("/") > 1:
        return None
    return layer


def is_allowed(path, layer, included):
    """Whether project file `path` may include project file `included`."""
    narrowed_to = FILE_RULES.get(path)
    if narrowed_to is None and layer in FILE_RULES:
        narrowed_to = FILE_RULES[layer] + [layer]
    if narrowed_to is not None:
        return any(is_below(included, allowed) for allowed in narrowed_to)
    exception = FILE_RULES.get(f"{layer}->{layer_of(included)}")
    if exception is not None:
        return included in exception
    return any(is_below(included, allowed) for allowed in LAYERS[layer] + [layer])


def owner_of(path):
    """The folder whose confinement counts: a test's is that of the module it tests."""
    unit = re.match(r"tests/unit/([^/]+)/", path)
    if unit is None:
        return path
    return "client/test" if unit[1] == "client" else f"server/{unit[1]}/test"


def check_confinement(path, included):
    for pattern, owners in CONFINED:
        if not re.fullmatch(pattern, included):
            continue
        if path.startswith("tests/") and not path.startswith("tests/unit/"):
            return None  # kernel and end-to-end tests talk to everything
        owner = owner_of(path)
        if not any(is_below(owner, folder) for folder in owners):
            return f"<{included}> is confined to {', '.join(owners)}"
        if path.endswith(".h") and any(is_below(path, folder) for folder in SOURCES_ONLY):
            return f"<{included}> is confined to .cc files there"
    return None


def check_include(root, path, quote, included):
    """Returns what is wrong with one include, or None."""
    is_ours = included.split("/")[0] in TOPS and (root / included).is_file()
    confined = check_confinement(path, included)
    if confined and not (is_ours and path.startswith("bpf/")):
        return confined
    if quote == '"' and included.startswith("."):
        return f'"{included}" is relative; write it from the root'
    if not is_ours:
        return None
    if quote == "<":
        return f"<{included}> is ours; write it in quotes"
    layer = layer_of(path)
    if layer is None:
        return f"{pathlib.PurePosixPath(path).parent} is in no layer; enter it in scripts/check_layers.py"
    if not is_allowed(path, layer, included):
        return f'"{included}" is not below {layer}'
    return None


def check(root):
    violations = []
    for top in TOPS:
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in SOURCE_SUFFIXES:
                continue
            path = file.relative_to(root).as_posix()
            for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
                match = INCLUDE.match(line)
                problem = match and check_include(root, path, match[1], match[2])
                if problem:
                    violations.append(f"{path}:{number}: {problem}")
    return violations


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    violations = check(root)
    print("\n".join(violations) if violations else "layers: no violation")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
