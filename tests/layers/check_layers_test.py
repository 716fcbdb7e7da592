"""Tests that scripts/check_layers.py sees each kind of violation."""

import importlib.util
import pathlib
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "check_layers.py"
spec = importlib.util.spec_from_file_location("check_layers", SCRIPT)
check_layers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_layers)


class CheckLayers(unittest.TestCase):

    def violations(self, files):
        """What the check says of a tree with these files, path -> text."""
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            return check_layers.check(root)

    def assert_allowed(self, files):
        self.assertEqual(self.violations(files), [])

    def assert_refused(self, files, part):
        violations = self.violations(files)
        self.assertEqual(len(violations), 1, violations)
        self.assertIn(part, violations[0])

    def test_allows_a_lower_layer(self):
        self.assert_allowed({"server/elf/a.cc": '#include "server/base/b.h"\n', "server/base/b.h": ""})

    def test_refuses_a_higher_layer_and_names_file_and_line(self):
        self.assert_refused({"server/base/b.h": '\n#include "server/elf/a.h"\n', "server/elf/a.h": ""},
                            'server/base/b.h:2: "server/elf/a.h" is not below server/base')

    def test_refuses_a_neighbour_of_the_same_layer(self):
        self.assert_refused({"server/span/a.cc": '#include "server/elf/a.h"\n', "server/elf/a.h": ""},
                            "not below server/span")

    def test_refuses_server_code_in_the_client(self):
        self.assert_refused({"client/a.cc": '#include "server/base/b.h"\n', "server/base/b.h": ""},
                            "not below client")

    def test_refuses_the_programs_of_the_kernel_in_user_space(self):
        self.assert_refused({"server/span/a.cc": '#include "bpf/maps.h"\n', "bpf/maps.h": ""},
                            "confined")

    def test_lets_the_store_know_profile_values_only(self):
        self.assert_allowed({"server/store/s.h": '#include "server/profile/profile.h"\n',
                             "server/profile/profile.h": ""})
        self.assert_refused({"server/store/s.h": '#include "server/profile/resolver.h"\n',
                             "server/profile/resolver.h": ""}, "not below server/store")

    def test_refuses_includes_in_profile_values(self):
        self.assert_refused({"server/profile/profile.h": '#include "server/elf/elf_file.h"\n',
                             "server/elf/elf_file.h": ""}, "not below server/profile")

    def test_lets_the_api_know_metric_snapshots_only(self):
        self.assert_allowed({"server/rpc/r.h": '#include "server/metrics/snapshot.h"\n',
                             "server/metrics/snapshot.h": ""})
        self.assert_refused({"server/rpc/r.h": '#include "server/metrics/exporter.h"\n',
                             "server/metrics/exporter.h": ""}, "not below server/rpc")

    def test_refuses_a_relative_include(self):
        self.assert_refused({"server/base/a.cc": '#include "../base/b.h"\n'}, "relative")

    def test_refuses_our_header_in_angle_brackets(self):
        self.assert_refused({"server/elf/a.cc": "#include <server/base/b.h>\n", "server/base/b.h": ""},
                            "quotes")

    def test_refuses_an_unknown_folder_below_server(self):
        self.assert_refused({"server/base/a.cc": '#include "server/new/n.h"\n', "server/new/n.h": ""},
                            "not below server/base")
        self.assert_refused({"server/new/n.cc": '#include "server/base/b.h"\n', "server/base/b.h": ""},
                            "is in no layer")

    def test_confines_third_party_headers(self):
        cases = {
            "libelf.h": ("server/elf/a.cc", "server/profile/a.cc"),
            "elfutils/libdw.h": ("server/elf/a.cc", "server/span/a.cc"),
            "dwarf.h": ("server/elf/a.cc", "server/span/a.cc"),
            "capstone/capstone.h": ("server/elf/a.cc", "server/profile/a.cc"),
            "sqlite3.h": ("server/store/a.cc", "server/control/a.cc"),
            "SQLiteCpp/SQLiteCpp.h": ("server/store/a.cc", "server/store/a.h"),
            "grpcpp/server.h": ("server/rpc/a.cc", "server/control/a.cc"),
            "grpc/grpc.h": ("client/a.cc", "server/main.cc"),
            "google/protobuf/message.h": ("server/rpc/a.h", "server/stream/a.cc"),
            "prometheus/exposer.h": ("server/metrics/a.cc", "server/rpc/a.cc"),
            "bpf/libbpf.h": ("server/probe/a.cc", "server/control/a.cc"),
            "bpf/bpf_helpers.h": ("bpf/a.bpf.c", "server/span/a.cc"),
        }
        for header, (owner, stranger) in cases.items():
            for left, right in ("<>", '""'):
                line = f"#include {left}{header}{right}\n"
                with self.subTest(header=header, include=line):
                    self.assert_allowed({owner: line})
                    self.assert_refused({stranger: line}, "confined")

    def test_confines_generated_headers(self):
        self.assert_refused({"server/control/a.cc": '#include "uprobed/v1/probe.pb.h"\n'}, "confined")
        self.assert_refused({"server/control/a.cc": '#include "bpf/uprobed.skel.h"\n'}, "confined")
        self.assert_allowed({"server/probe/a.cc": '#include "bpf/uprobed.skel.h"\n'})

    def test_confines_the_unit_tests_of_other_modules_too(self):
        self.assert_allowed({"tests/unit/elf/a_test.cc": "#include <libelf.h>\n"})
        self.assert_refused({"tests/unit/span/a_test.cc": "#include <libelf.h>\n"}, "confined")
        self.assert_allowed({"tests/e2e/a_test.cc": "#include <grpcpp/channel.h>\n"})

    def test_accepts_the_project_itself(self):
        self.assertEqual(check_layers.check(SCRIPT.parents[1]), [])


if __name__ == "__main__":
    unittest.main()
