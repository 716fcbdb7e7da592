"""Measures a part of the generated tables of offsets again, and compares."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]
GENERATOR = ROOT / "scripts" / "gen_offsets"
GO_TABLE = ROOT / "server" / "profile" / "known_offsets.inc"
MODULE_TABLE = ROOT / "server" / "profile" / "known_module_offsets.inc"


class GenOffsets(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        if shutil.which("go") is None:
            raise unittest.SkipTest("no go to measure offsets with; run scripts/setup")
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        # A user has set for good what a test does not want (go env -w).
        cls.environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod",
                           "GOPROXY": "off", "GOWORK": "off"}
        cls.program = pathlib.Path(cls.directory.name) / "gen_offsets"
        subprocess.run(["go", "build", "-o", cls.program, "."], cwd=GENERATOR, check=True,
                       env=cls.environment)

    def check(self, table, *options):
        return subprocess.run([self.program, *options, "-check", table], env=self.environment,
                              capture_output=True, text=True, check=False)

    def assert_as_measured(self, table, *options):
        result = self.check(table, *options)
        self.assertEqual(result.returncode, 0, result.stderr)
        if result.stdout.startswith("skipped: "):
            self.skipTest(result.stdout.removeprefix("skipped: ").strip())
        self.assertIn("offsets as measured", result.stdout)

    def assert_refused(self, table, line, edited, reason, *options):
        """That the check sees `edited` in the place of the one line that matches `line`."""
        text, count = re.subn(line, edited, table.read_text(), flags=re.MULTILINE)
        self.assertEqual(count, 1, f"{line} matches {count} times")
        path = pathlib.Path(self.directory.name) / "edited.inc"
        path.write_text(text)
        result = self.check(path, *options)
        if result.stdout.startswith("skipped: "):
            self.skipTest(result.stdout.removeprefix("skipped: ").strip())
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(reason, result.stderr)

    def test_the_table_has_what_the_installed_release_has(self):
        self.assert_as_measured(GO_TABLE)

    def test_an_edited_offset_is_seen(self):
        self.assert_refused(GO_TABLE, r'(net/url\.URL\.Path".*) 56\)$', r"\1 64)",
                            "net/url.URL.Path is at 56, and at 64 in the table")

    def test_a_field_that_is_left_out_is_seen(self):
        self.assert_refused(GO_TABLE, r'^KNOWN_OFFSET\("net/http\.Request\.TLS".*\n', "",
                            "net/http.Request.TLS is at 208 and not in the table")

    def test_an_edited_release_is_seen(self):
        self.assert_refused(GO_TABLE, r"^KNOWN_RELEASES\(22, 0, 12\)", "KNOWN_RELEASES(22, 0, 13)",
                            "net/http.Request.ctx: 15, 0, 22, 12 is not made of runs")

    def test_an_edited_form_is_seen(self):
        self.assert_refused(GO_TABLE, r"^KNOWN_RELEASES\(22, 0, 12\)", "KNOWN_RELEASES(22, 0,  12)",
                            "not a line of a table")

    def test_the_table_of_modules_has_what_their_newest_versions_have(self):
        self.assert_as_measured(MODULE_TABLE, "-modules")

    def test_an_edited_offset_of_a_module_is_seen(self):
        self.assert_refused(MODULE_TABLE, r'(x/net/http2\.stream\.id".*) 8\)$', r"\1 16)",
                            "http2.stream.id is at 8, and at 16 in the table", "-modules")


if __name__ == "__main__":
    unittest.main()
