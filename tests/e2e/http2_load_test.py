"""HTTP/2 requests that h2load makes: its own counts are those of the spans."""

import collections
import os
import re
import subprocess
import unittest

import harness

TOOLS = harness.TARGETS.parent / "tools"
H2LOAD = TOOLS / "bin/h2load"
REQUESTS = 3000
CONNECTIONS = 8
STREAMS = 16  # at a time on each connection


class Http2Load(harness.E2eTest):

    def h2load(self, url):
        """Makes the requests; how many ended with a status of each class, by h2load's own count."""
        libraries = ":".join(str(path) for path in TOOLS.glob("nghttp2-client/usr/lib/*"))
        completed = subprocess.run(
            [H2LOAD, "-n", str(REQUESTS), "-c", str(CONNECTIONS), "-m", str(STREAMS), url],
            env={**os.environ, "LD_LIBRARY_PATH": libraries}, capture_output=True, text=True,
            timeout=120, check=False)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        counts = re.search(r"^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx",
                           completed.stdout, re.MULTILINE)
        self.assertIsNotNone(counts, completed.stdout)
        return {status: int(count) for status, count in zip((2, 3, 4, 5), counts.groups()) if int(count)}

    def check(self, binary, *options):
        self.attach(binary, "--name", "served")
        program = subprocess.Popen([binary, "-addr", "127.0.0.1:0", *options],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.cleanup.callback(harness.end, program)
        address = program.stdout.readline().strip().removeprefix("listening on ")
        spans = self.subscribe()
        expected = collections.Counter()
        for path in ("/hello", "/status/404", "/status/503", "/status/302"):
            for status, count in self.h2load(f"https://{address}{path}").items():
                expected[status] += count
        total = expected.total()
        self.assertEqual(total, 4 * REQUESTS)
        harness.wait_until(lambda: len(spans()) >= total, f"{total} spans")
        seen = collections.Counter(
            span["attributes"]["http.response.status_code"] // 100 for span in spans())
        versions = {span["attributes"]["network.protocol.version"] for span in spans()}
        print(f"{binary.name}: h2load {dict(expected)}, spans {dict(seen)}")
        self.assertEqual(seen, expected)
        self.assertEqual(versions, {"2"})
        self.assertEqual(self.metric("uprobed_spans_lost_total"), 0)
        harness.wait_until(lambda: self.metric("uprobed_requests_in_flight") == 0, "no request left")
        self.client("detach", "served")

    def test_counts_and_statuses_are_those_of_h2load(self):
        if not H2LOAD.exists() or not harness.hello_targets():
            self.skipTest("no h2load, or no program to probe: run scripts/test_tools and build_targets")
        self.start_daemon()
        by_release = sorted((path for path in harness.hello_targets() if "-stripped" not in path.name),
                            key=lambda path: int(re.search(r"go1\.(\d+)", path.name).group(1)))
        for binary in (by_release[0], by_release[-1]):
            self.check(harness.own(binary), "-tls")


if __name__ == "__main__":
    unittest.main()
