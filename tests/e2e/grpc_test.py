"""gRPC requests that ghz makes: its own counts by code are those of the spans, on both sides."""

import collections
import json
import re
import subprocess
import unittest

import harness

GHZ = harness.TARGETS.parent / "tools/bin/ghz"
REQUESTS = 300
WORKERS = 20

# On the wire the messages of the program's service, which are google.protobuf.StringValue.
PROTO = """syntax = "proto3";
package calls;
message Wish { string value = 1; }
service Calls {
  rpc Unary(Wish) returns (Wish);
  rpc Upload(stream Wish) returns (Wish);
  rpc Download(Wish) returns (stream Wish);
  rpc Chat(stream Wish) returns (stream Wish);
}
"""

# google.golang.org/grpc/codes, as ghz and the program call them.
CODES = {"OK": 0, "InvalidArgument": 3, "NotFound": 5, "PermissionDenied": 7, "Internal": 13,
         "Unavailable": 14}


class Grpc(harness.E2eTest):

    def setUp(self):
        super().setUp()
        self.programs = sorted(path for path in harness.TARGETS.glob("grpc-v*")
                               if "-stripped" not in path.name)
        if not GHZ.exists() or not self.programs:
            self.skipTest("no ghz, or no program to probe: run scripts/test_tools and build_targets")

    def ghz(self, address, method, code):
        """Makes the requests; how many of each code ghz has counted."""
        completed = subprocess.run(
            [GHZ, "--insecure", "--proto", self.directory / "calls.proto", "--call",
             f"calls.Calls.{method}", "-d", json.dumps({"value": str(code)}), "-n", str(REQUESTS),
             "-c", str(WORKERS), "-O", "json", address],
            capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        counts = json.loads(completed.stdout)["statusCodeDistribution"]
        return {CODES[name]: count for name, count in counts.items()}

    def seen(self, spans, kind):
        counts = collections.Counter()
        for span in spans():
            attributes = span["attributes"]
            if span["kind"] == kind and attributes.get("rpc.service") == "calls.Calls":
                counts[attributes["rpc.method"], attributes["rpc.grpc.status_code"]] += 1
        return counts

    def check_version(self, program):
        version = re.search(r"grpc-(v[\d.]+)", program.name).group(1)
        self.attach(program, "--name", "server", "--instrumentation", "grpc_server")
        server = subprocess.Popen([program, "serve"], stdout=subprocess.PIPE, text=True)
        self.cleanup.callback(harness.end, server)
        address = server.stdout.readline().strip()
        spans = self.subscribe()
        expected = collections.Counter()
        for method in ("Unary", "Upload", "Download", "Chat"):
            for code in CODES.values() if method == "Unary" else (0, CODES["NotFound"]):
                for counted, count in self.ghz(address, method, code).items():
                    expected[method, counted] += count
        total = sum(expected.values())
        for kind in ("KIND_SERVER", "KIND_CLIENT"):
            harness.wait_until(lambda kind=kind: self.seen(spans, kind).total() >= total,
                               f"{total} spans of {kind}")
            self.assertEqual(self.seen(spans, kind), expected, kind)
        for (method, code), count in sorted(expected.items()):
            print(f"{version:8} {method:9} code {code:2}: ghz {count}, server {count}, client {count}")
        self.assertEqual(self.metric("uprobed_spans_lost_total"), 0)
        harness.wait_until(lambda: self.metric("uprobed_requests_in_flight") == 0, "no request left")
        self.client("detach", "server")

    def test_counts_and_codes_are_those_of_ghz(self):
        (self.directory / "calls.proto").write_text(PROTO, encoding="utf-8")
        self.start_daemon()
        self.attach(GHZ, "--name", "ghz", "--instrumentation", "grpc_client")
        for program in self.programs:
            self.check_version(program)


if __name__ == "__main__":
    unittest.main()
