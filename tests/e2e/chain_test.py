"""Traces that go on from one process to the next: by the header traceparent, or by the connection.

Prints a table: of the requests that a service was sent by another one how many have the right parent,
none, or a wrong one.
"""

import base64
import concurrent.futures
import json
import re
import unittest

from chains import BY_HEADER, CALLERS, REQUESTS, ChainTest, path_of
import harness


class Chain(ChainTest):

    def check_two_callers(self):
        """Two processes that are probed and one that is not call one server at once."""
        server = self.run_chain("c")
        urls = [self.start_program(self.files["a"], arguments=["-next", server]).url("")
                for _ in range(2)] + [server]
        total = REQUESTS // 4

        def drive_all():
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                list(pool.map(lambda each: self.drive(each[1], "pass", total, each[0] * total),
                              enumerate(urls)))
        family = self.observe(drive_all)
        strangers = [span for span in family.served_by("c")
                     if int(path_of(span).rpartition("/")[2]) >= 2 * total]
        self.assertEqual(len(strangers), total)
        self.assertFalse([span for span in strangers if span.get("parentSpanId")])
        ids = {span["spanId"] for span in strangers}
        family.spans = [span for span in family.spans if span["spanId"] not in ids]
        counted = self.count_joins(family, {"c": "a"})
        self.report("two callers, a stranger", counted)
        self.assertEqual(counted["right"], 2 * total)

    def check_topology(self, total):
        wanted = {("a", "/pass/{id}", "b", "/pass/{id}"): total,
                  ("b", "/pass/{id}", "c", "/pass/{id}"): total,
                  ("c", "/pass/{id}", "none", "none"): total}

        def edges():
            found = self.client("topology", "-o", "json").json()["edges"]
            return {tuple(edge[name] for name in ("caller", "callerFunction", "callee",
                                                  "calleeFunction")): int(edge["count"])
                    for edge in found}
        harness.wait_until(lambda: edges() == wanted, f"the edges of the chain: {wanted}")

    def check_release(self, first, second):
        self.begin(a=first, b=second, c=first)
        self.probe_all("--stitch-traces")
        self.check("keep-alive", "pass", REQUESTS)
        self.check_topology(REQUESTS)
        self.print_hits("on", REQUESTS)
        # A connection is handed to the next request before the one that it served has ended.
        self.check("few connections", "empty", REQUESTS // 2, "-conns", "3")
        self.check("keep-alive, TLS", "pass", REQUESTS // 4, secure=True)
        self.check("closed by the server", "close", REQUESTS // 8)
        self.check_drops(self.check("tried again", "drop", REQUESTS // 8))
        self.check_drops(self.check("tried again, TLS", "drop", REQUESTS // 8, secure=True))
        self.check("given up", "slow", REQUESTS // 8, complete=False)
        self.check_two_callers()
        self.expect_nothing_left()

    def print_hits(self, state, requests):
        sites = ("server_start", "server_end", "client_start", "client_connection", "client_end")
        hits = {site: self.metric("uprobed_probe_hits_total", probe="b", site=site) for site in sites}
        print(f"{self.release:16} hits of one request in the middle, option {state}: "
              + ", ".join(f"{site} {count / requests:.3f}" for site, count in hits.items()))
        self.assertEqual(hits["client_connection"] > 0, state == "on")

    def test_a_chain_of_three_is_one_trace_by_the_connections(self):
        print(f"\n{'release':16} {'scenario':24} {'right':>6} {'gone':>6} {'miss.':>6} {'wrong':>6}")
        programs = self.programs()
        for program in programs:
            with self.subTest(program=program.name):
                self.release = re.search(r"go1\.\d+\.\d+", program.name).group(0)
                self.check_release(program, program)
                self.end_everything()

    def test_two_releases_and_one_without_the_option(self):
        programs = self.programs()
        self.release = "mixed"
        self.begin(a=programs[0], b=programs[-1], c=programs[0])
        self.probe_all("--stitch-traces", services="ac")
        self.probe_all(services="b")
        total = REQUESTS // 4
        url = self.run_chain("abc")
        family = self.observe(lambda: self.drive(url, "pass", total))
        self.report("of two releases", self.count_joins(family, {"b": "a"}))
        self.print_hits("off", total)
        self.assertFalse([span for span in family.served_by("c") if span.get("parentSpanId")])
        self.expect_nothing_left()

    def test_connections_of_both_internet_protocols(self):
        program = self.programs()[-1]
        self.begin(a=program, b=program, c=program)
        self.probe_all("--stitch-traces")
        self.release = "newest"
        # A socket of IPv6 takes connections of IPv4, too, and has their addresses in another form.
        url = self.run_chain("abc", listen=("[::1]", "[::]"), call=("[::1]", "127.0.0.1"))
        family = self.observe(lambda: self.drive(url, "pass", 100))
        counted = self.count_joins(family, CALLERS)
        self.report("IPv4 and IPv6", counted)
        self.assertEqual(counted["right"], 200)
        self.expect_nothing_left()

    def test_what_is_no_connection_of_the_kernel_joins_nothing(self):
        program = self.programs()[-1]
        self.begin(a=program, b=program, c=program)
        self.probe_all("--stitch-traces")
        total = 100
        for options in (("-wrap-client",), ("-wrap-server",)):
            for secure in (False, True):
                url = self.run_chain("abc", *options, secure=secure)
                family = self.observe(lambda: self.drive(url, "pass", total))
                counted = self.count_joins(family, CALLERS)
                self.assertEqual(counted, {"missing": 2 * total}, (options, secure))
        self.expect_nothing_left()

    def test_a_wrong_offset_joins_nothing_wrongly(self):
        program = self.programs()[-1]
        self.begin(a=program, b=program, c=program)
        name = self.client("profile", "resolve", self.files["a"], "-o", "json").json()["profile"]["name"]
        exported = self.client("profile", "export", name, "-o", "json").json()
        fields = exported["profiles"][0]["fields"]
        file = self.directory / "profile.json"
        total = 100
        for key, change in (("net/http.persistConn.conn", 16), ("net/http.conn.rwc", -8),
                            ("net/http.persistConn.tlsState", -8), ("internal/poll.FD.Sysfd", -8),
                            ("internal/poll.FD.pd", -8)):
            field = fields[key]
            fields[key] = {"source": field["source"], "offset": field["offset"] + change}
            self.client("profile", "delete", name)
            file.write_text(json.dumps(exported), encoding="utf-8")
            self.client("profile", "import", file)
            self.probe_all("--stitch-traces")
            url = self.run_chain("abc")
            family = self.observe(lambda: self.drive(url, "pass", total))
            counted = self.count_joins(family, CALLERS)
            self.assertEqual(counted, {"missing": 2 * total}, key)
            self.expect_nothing_left()
            for service in "abc":
                self.client("detach", service)
            fields[key] = field

    def test_a_header_is_honoured_and_nothing_guessed_past_a_program_that_is_not_probed(self):
        program = self.programs()[-1]
        self.begin(a=program, b=program, c=program)
        self.probe_all("--stitch-traces", services="ac")
        total = 100
        for flags, number in (("00", 0), ("01", 1)):
            url = self.run_chain("abc", "-forward")
            family = self.observe(lambda: self.drive(url, "pass", total, traceparent=flags))
            self.assertEqual(len(family.served_by("c")), total)
            for span in family.spans:
                trace = int(path_of(span).rpartition("/")[2]) + 1
                self.assertEqual(int.from_bytes(base64.b64decode(span["traceId"]), "big"), trace)
                self.assertEqual(span.get("traceFlags", 0), number)
                if span["kind"] == "KIND_SERVER":
                    self.assertEqual(span["parentSource"], BY_HEADER)
        url = self.run_chain("abc")
        family = self.observe(lambda: self.drive(url, "pass", total))
        self.assertEqual(len(family.served_by("c")), total)
        self.assertFalse([span for span in family.served_by("c") if span.get("parentSpanId")])
        self.assertEqual(len({span["traceId"] for span in family.spans}), 2 * total)
        # The connection to the program that is not probed is noted until its answer.
        self.assertGreaterEqual(
            self.metric("uprobed_probe_hits_total", probe="a", site="client_connection"), 3 * total)
        self.expect_nothing_left()


if __name__ == "__main__":
    unittest.main()
