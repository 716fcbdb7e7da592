"""Traces that go on from one process to the next by a connection of HTTP/2, which has the requests of
many callers at a time.

Prints the same table as chain_test.py.
"""

import collections
import re
import unittest

from chains import CALLERS, REQUESTS, ChainTest
import harness

# A request's goroutine is started for it since then (src/net/http/h2_bundle.go).
FIRST_MINOR = 17


class ChainHttp2(ChainTest):

    def chains(self, pattern):
        found = [path for path in sorted(harness.TARGETS.glob(pattern))
                 if int(re.search(r"go1\.(\d+)", path.name).group(1)) >= FIRST_MINOR]
        if not found:
            self.skipTest(f"no program {pattern} to probe: run scripts/build_targets")
        return found

    def check_http2(self, scenario, treatment, total, *options, complete=True, **others):
        if self.has_prefaces:
            self.prefaces += len(CALLERS)
        family = self.check(scenario, treatment, total, "-http2", *options, complete=complete, **others)
        versions = {span["attributes"]["network.protocol.version"] for service in "bc"
                    for span in family.served_by(service)}
        # There are none where none was served.
        self.assertEqual(versions - {"2"}, set())
        return family

    def check_all(self, secure, *options):
        kind = "TLS" if secure else "h2c"
        self.check_http2(f"{kind}", "pass", REQUESTS // 4, *options, secure=secure)
        self.check_http2(f"{kind}, with a body", "post", REQUESTS // 8, *options, secure=secure)
        given_up = self.check_http2(f"{kind}, given up", "slow", REQUESTS // 8, *options, secure=secure,
                                    complete=False, served=False)
        # Not that any was served: on a busy machine the time of all may be over before.
        self.assertEqual(len({span["spanId"] for span in given_up.spans}), len(given_up.spans))
        errors = collections.Counter(span["attributes"]["error.type"] for span in given_up.spans
                                     if span["kind"] == "KIND_CLIENT"
                                     and "http.response.status_code" not in span["attributes"])
        print(f"{self.release:16} errors: {dict(errors)}")
        self.assertIn("context.deadlineExceededError", errors)
        # Whose time was over before a connection was asked for: few, and not told of what.
        self.assertLess(10 * errors["_OTHER"], errors["context.deadlineExceededError"])
        hits = {site: self.metric("uprobed_probe_hits_total", probe="b", site=site)
                for site in ("client_start", "http2_client_attempt", "http2_client_stream")}
        print(f"{self.release:16} hits: " + ", ".join(f"{site} {count:.0f}" for site, count in hits.items()))
        self.expect_nothing_left()

    def check_programs(self, pattern, secure, *options, only, has_prefaces=False):
        print(f"\n{'release':16} {'scenario':24} {'right':>6} {'gone':>6} {'miss.':>6} {'wrong':>6}")
        found = self.chains(pattern)
        for program in sorted({found[index] for index in only}):
            with self.subTest(program=program.name):
                self.has_prefaces = has_prefaces
                self.prefaces = 0
                self.release = program.name.removeprefix("chain-")
                try:
                    self.begin(a=program, b=program, c=program)
                    self.probe_all("--stitch-traces")
                    self.check_all(secure, *options)
                finally:
                    self.end_everything()

    def test_nethttp_with_tls(self):
        self.check_programs("chain-go*", True, only=(0, -1))

    def test_nethttp_without_tls(self):
        # Since Go 1.24.
        self.check_programs("chain-go1.2[4-9].*", False, "-call-h2c", only=(-1,))

    def test_xnet_for_nethttp(self):
        # Who makes the request by the one and the other makes one request.
        self.check_programs("chain-xnet-*", True, only=(-2, -1))

    def test_xnet_without_tls(self):
        self.check_programs("chain-xnet-*", False, "-call-h2c", only=(0, -2, -1), has_prefaces=True)


if __name__ == "__main__":
    unittest.main()
