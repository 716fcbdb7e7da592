"""gRPC requests that ghz makes: its own counts by code are those of the spans, on both sides. Traces
that their metadata names, and their peers."""

import collections
import json
import re
import subprocess
import unittest
import urllib.request

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


TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Grpc(harness.E2eTest):

    def setUp(self):
        super().setUp()
        self.programs = [harness.own(path) for path in sorted(harness.TARGETS.glob("grpc-v*"))
                         if "-stripped" not in path.name]
        if not self.programs:
            self.skipTest("no program to probe: run scripts/build_targets")

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

    def run_program(self, *command):
        """Starts a program; the first line that it prints."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.cleanup.callback(harness.end, process)
        return process.stdout.readline().strip()

    def span_of(self, spans, kind, **attributes):
        """The only span of this kind with these attributes, whose names have _ for a dot."""
        wanted = {name.replace("_", "."): value for name, value in attributes.items()}
        found = harness.wait_until(
            lambda: [span for span in spans() if span["kind"] == kind
                     and wanted.items() <= span["attributes"].items()], f"{kind} {wanted}")
        self.assertEqual(len(found), 1, found)
        return found[0]

    def check_trace(self, program):
        """By a call with metadata, and by an HTTP request that a gateway passes on as a call."""
        self.attach(program, "--name", "traced")
        server = self.run_program(program, "serve")
        gateway = self.run_program(program, "gateway", server)
        server_port = int(server.rpartition(":")[2])
        spans = self.subscribe()
        completed = subprocess.run(
            [program, "call", server, "/calls.Calls/Unary", "traceparent", f"00-{TRACE}-{PARENT}-01",
             "tracestate", "rojo=1,congo=2"], capture_output=True, text=True, timeout=60, check=True)
        code, client_port = map(int, completed.stdout.split())
        self.assertEqual(code, 0)
        served = self.span_of(spans, "KIND_SERVER", rpc_method="Unary")
        self.assert_in_trace(served)
        self.assertEqual(served["attributes"]["network.peer.address"], "127.0.0.1")
        self.assertEqual(served["attributes"]["network.peer.port"], client_port)
        made = self.span_of(spans, "KIND_CLIENT", rpc_method="Unary")
        self.assertEqual(made["attributes"]["network.peer.port"], server_port)
        self.assertEqual(made["attributes"]["server.port"], server_port)
        self.assertNotEqual(harness.as_hex(made["traceId"]), TRACE)

        request = urllib.request.Request(f"http://{gateway}/leaf", headers={
            "traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "rojo=1,congo=2"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as response:
            self.assertEqual(response.status, 200)
        entered = self.span_of(spans, "KIND_SERVER", url_path="/leaf")
        passed_on = self.span_of(spans, "KIND_CLIENT", rpc_method="Leaf")
        arrived = self.span_of(spans, "KIND_SERVER", rpc_method="Leaf")
        self.assert_in_trace(entered)
        self.assert_in_trace(arrived)
        self.assertEqual(harness.as_hex(passed_on["traceId"]), TRACE)
        self.assertEqual(passed_on["parentSpanId"], entered["spanId"])
        self.assertEqual(self.metric("uprobed_spans_lost_total"), 0)
        self.client("detach", "traced")

    def assert_in_trace(self, span):
        self.assertEqual(harness.as_hex(span["traceId"]), TRACE)
        self.assertEqual(harness.as_hex(span["parentSpanId"]), PARENT)
        self.assertEqual(span["parentSource"], "PARENT_SOURCE_TRACEPARENT")
        self.assertEqual(span["traceState"], "rojo=1,congo=2")

    def test_metadata_names_the_trace_and_connections_the_peers(self):
        self.start_daemon()
        for program in self.programs:
            with self.subTest(program=program.name):
                self.check_trace(program)

    def test_counts_and_codes_are_those_of_ghz(self):
        if not GHZ.exists():
            self.skipTest("no ghz: run scripts/test_tools")
        (self.directory / "calls.proto").write_text(PROTO, encoding="utf-8")
        self.start_daemon()
        self.attach(GHZ, "--name", "ghz", "--instrumentation", "grpc_client")
        for program in self.programs:
            self.check_version(program)


if __name__ == "__main__":
    unittest.main()
