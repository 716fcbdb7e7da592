"""A program that tells nothing of itself: no build information, no build id, no symbols."""

import re
import subprocess
import unittest

import harness

REMOVED = (".go.buildinfo", ".note.go.buildid", ".note.gnu.build-id")
REQUESTS = 100


class UnidentifiedProgram(harness.E2eTest):

    def anonymous(self, program):
        """A copy of a stripped program without what identifies it."""
        objcopy, readelf = harness.tool("objcopy"), harness.tool("readelf")
        if not objcopy or not readelf:
            self.skipTest("objcopy is not to be had")
        copy = self.directory / f"anonymous-{program.name}"
        subprocess.run([objcopy, *(f"--remove-section={name}" for name in REMOVED), program, copy],
                       check=True, capture_output=True)
        sections = subprocess.run([readelf, "--sections", "--wide", copy], check=True,
                                  capture_output=True, text=True).stdout
        for name in (*REMOVED, ".symtab", ".debug_info"):
            self.assertNotIn(f" {name} ", sections)
        return copy

    def check(self, program):
        copy = self.anonymous(program)
        profile = self.resolve(copy)
        for name in ("goBuildId", "gnuBuildId", "mainModule"):
            self.assertEqual(profile[name], "")
        self.assertEqual(profile["name"], "profiles/" + profile["contentSha256"][:32])
        version = re.search(r"go1\.\d+\.\d+", program.name).group(0)
        self.assertEqual(profile["goVersion"], version)
        self.expect_exact_spans(copy, profile)

    def resolve(self, program):
        return self.client("profile", "resolve", program, "-o", "json").json()["profile"]

    def expect_exact_spans(self, copy, profile):
        probe = self.attach(copy)
        self.assertEqual(probe["status"]["profile"], profile["name"])
        running = self.start_program(copy)
        spans = self.subscribe()
        self.load(running.url("/call"), REQUESTS)

        harness.wait_until(lambda: len(spans()) >= 3 * REQUESTS, f"{3 * REQUESTS} spans")
        seen = sorted((span["kind"], span["attributes"]["http.request.method"],
                       span["attributes"]["url.path" if span["kind"] == "KIND_SERVER"
                                          else "url.full"],
                       span["attributes"]["http.response.status_code"]) for span in spans())
        self.assertEqual(seen, sorted([("KIND_SERVER", "GET", "/call", 200),
                                       ("KIND_SERVER", "GET", "/hello", 200),
                                       ("KIND_CLIENT", "GET", running.url("/hello"), 200)]
                                      * REQUESTS))
        self.client("detach", probe["name"].removeprefix("probes/"))
        running.stop()
        print(f"{copy.name}: {len(seen)} exact spans, {len(profile['sites'])} sites")

    def test_a_release_newer_than_any_that_is_known(self):
        """Machine code is the only source, and the requests prove what it says."""
        self.start_daemon()
        program = harness.hello(stripped=True)
        copy = self.anonymous(program)
        version = re.search(r"go1\.\d+", program.name).group(0).encode()
        copy.write_bytes(copy.read_bytes().replace(version + b".", b"go1.99."))
        profile = self.resolve(copy)
        self.assertRegex(profile["goVersion"], r"^go1\.99\.")
        self.assertEqual({field["source"] for field in profile["fields"].values()},
                         {"SOURCE_DISASSEMBLY"})
        self.expect_exact_spans(copy, profile)

        def verdicts():
            fields = self.client("profile", "show", copy, "-o", "json").json()["fields"]
            return {name: field["verdict"] for name, field in fields.items()}
        harness.wait_until(lambda: "VERDICT_VERIFIED" in verdicts().values(), "verdicts")
        for name in ("net/http.Request.Method", "net/http.response.status", "net/url.URL.Path",
                     "net/http.Response.StatusCode"):
            self.assertEqual(verdicts()[name], "VERDICT_VERIFIED", name)

    def test_every_recent_release(self):
        self.start_daemon()
        programs = [program for program in harness.hello_targets()
                    if program.name.endswith("-stripped")
                    and int(re.search(r"go1\.(\d+)", program.name).group(1)) >= 25]
        if not programs:
            self.skipTest("no Go program to probe: run scripts/build_targets")
        for program in programs:
            with self.subTest(program=program.name):
                self.check(program)


if __name__ == "__main__":
    unittest.main()
