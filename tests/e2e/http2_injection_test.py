"""The header traceparent, written into the requests of HTTP/2 that programs make.

The services that serve them say whether it arrived: what they serve is then the child of the request
that was made. Prints the same table as chain_test.py.
"""

import re
import unittest

from chains import BY_HEADER, CALLERS, REQUESTS, ChainTest, path_of
import harness

FIRST_MINOR = 17  # as in chain_http2_test.py
BUFFER_BYTES = 4096
FIELD_BYTES = 69


class Http2Injection(ChainTest):

    def start(self, program):
        self.skip_where_injection_is_refused()
        self.release = program.name.removeprefix("chain-")
        self.begin(a=program, b=program, c=program)
        self.skip_where_nothing_is_injected(self.files["a"])
        self.probe_all("--inject-traceparent")

    def programs_with(self, pattern):
        return [path for path in sorted(harness.TARGETS.glob(pattern))
                if int(re.search(r"go1\.(\d+)", path.name).group(1)) >= FIRST_MINOR]

    def outcome(self):
        """How many requests were given the header, and by cause how many were not."""
        causes = ("own_header", "headers", "no_room", "no_request", "fault")
        counts = {cause: self.metric("uprobed_requests_not_injected_total", cause=cause)
                  for cause in causes}
        return (self.metric("uprobed_requests_injected_total"),
                {cause: count for cause, count in counts.items() if count})

    def check_joins(self, scenario, treatment, total, *options, secure):
        url = self.run_chain("abc", "-http2", *options, secure=secure)
        statuses = {}
        family = self.observe(lambda: statuses.update(self.drive(url, treatment, total)))
        counted = self.count_joins(family, CALLERS, source=BY_HEADER)
        self.report(scenario, counted)
        self.assertEqual(statuses, {"200": total})
        self.assertEqual(counted["right"], 2 * total)
        self.assertEqual({span["attributes"]["network.protocol.version"] for service in "bc"
                          for span in family.served_by(service)}, {"2"})

    def check_program(self, program, secure, *options):
        self.start(program)
        kind = "TLS" if secure else "h2c"
        total = REQUESTS // 4
        self.check_joins(kind, "pass", total, *options, secure=secure)
        self.check_joins(f"{kind}, with a body", "post", total, *options, secure=secure)
        self.assertEqual(self.outcome(), (4 * total, {}))
        url = self.run_chain("abc", "-http2", *options, secure=secure)
        family = self.observe(lambda: self.drive(url, "slow", total))
        counted = self.count_joins(family, CALLERS, source=BY_HEADER)
        self.report(f"{kind}, given up", counted)
        harness.wait_until(
            lambda: self.metric("uprobed_outgoing_headers_in_flight") == 0, "no headers left")
        self.expect_nothing_left()

    def check_programs(self, pattern, secure, *options):
        programs = self.programs_with(pattern)
        if not programs:
            self.skipTest(f"no program {pattern} to probe: run scripts/build_targets")
        print(f"\n{'release':16} {'scenario':24} {'right':>6} {'gone':>6} {'miss.':>6} {'wrong':>6}")
        for program in programs:
            with self.subTest(program=program.name):
                try:
                    self.check_program(program, secure, *options)
                finally:
                    self.end_everything()

    def test_nethttp_with_tls(self):
        self.check_programs("chain-go*", True)

    def test_nethttp_without_tls(self):
        self.check_programs("chain-go1.2[4-9].*", False, "-call-h2c")

    def test_xnet(self):
        self.check_programs("chain-xnet-*", True)

    def test_a_header_of_the_programs_own_is_kept(self):
        programs = self.programs_with("chain-go*")
        if not programs:
            self.skipTest("no program to probe: run scripts/build_targets")
        self.start(programs[-1])
        total = 100
        url = self.run_chain("abc", "-http2", "-forward", secure=True)
        family = self.observe(lambda: self.drive(url, "pass", total, traceparent="01"))
        for span in family.served_by("b") + family.served_by("c"):
            number = int(path_of(span).rpartition("/")[2])
            self.assertEqual(harness.as_hex(span["parentSpanId"]), f"{number + 1:016x}")
        self.assertEqual(self.outcome(), (0, {"own_header": 2 * total}))

    def test_headers_of_every_size_arrive(self):
        """Around the size at which the frame no longer has room in the buffer of the connection."""
        programs = self.programs_with("chain-go*")
        if not programs:
            self.skipTest("no program to probe: run scripts/build_targets")
        self.start(programs[-1])
        joined = []
        for pad in range(BUFFER_BYTES - 3 * FIELD_BYTES, BUFFER_BYTES + FIELD_BYTES, 17):
            # One request of a connection: of a header that came before HPACK sends a number alone.
            url = self.run_chain("ab", "-http2", "-pad", str(pad), secure=True)
            statuses = {}
            family = self.observe(lambda: statuses.update(self.drive(url, "pass", 1)))
            self.assertEqual(statuses, {"200": 1}, pad)
            counted = self.count_joins(family, {"b": "a"}, source=BY_HEADER)
            self.assertEqual(counted["wrong"], 0, pad)
            joined.append((pad, counted["right"] == 1))
        largest = max(pad for pad, arrived in joined if arrived)
        self.assertEqual([arrived for _, arrived in joined],
                         [pad <= largest for pad, _ in joined], "one limit")
        injected, others = self.outcome()
        self.assertEqual(others.keys(), {"no_room"})
        self.assertEqual(injected + others["no_room"], len(joined))
        print(f"headers of up to {largest} bytes more arrive with the header, larger ones without it")


if __name__ == "__main__":
    unittest.main()
