"""Which requests become spans: as asked for, at any time, and the metrics count all of them."""

import http.client
import subprocess
import threading
import unittest

import harness

REQUESTS = "http_server_request_duration_seconds_count"
SUPPRESSED = "uprobed_probe_spans_suppressed_total"


class Limits(harness.E2eTest):

    def begin(self, *options, daemon=()):
        self.start_daemon(*daemon)
        self.attach(harness.hello(), "--name", "web", *options)
        self.program = self.start_program(harness.hello())
        self.sent = 0

    def send(self, path, total, *options):
        report = self.load(self.program.url(path), total, 4, *options)
        self.assertEqual(report["requests"] - report["failed"], total)
        self.sent += total

    def suppressed(self, cause):
        return self.metric(SUPPRESSED, probe="web", cause=cause)

    def check_ledger(self):
        """Every request is a span, suppressed or lost, and in the metrics; the number of spans."""
        def collected():
            # One scrape reads one family after the other, so a span may be in the second of them only.
            text = self.metrics()
            counts = [harness.sum_of(text, name) for name in (
                "uprobed_spans_total", SUPPRESSED, "uprobed_spans_lost_total")]
            seen = min(sum(counts), harness.sum_of(text, REQUESTS))
            return (text, *counts) if seen >= self.sent else None
        text, spans, suppressed, lost = harness.wait_until(collected, "all requests are counted")
        print(f"\n{self.id().rsplit('.', 1)[1]}: {self.sent} requests = {spans:.0f} spans + "
              f"{suppressed:.0f} suppressed + {lost:.0f} lost; {REQUESTS} {harness.sum_of(text, REQUESTS):.0f}")
        self.assertEqual(spans + suppressed + lost, self.sent)
        self.assertEqual(harness.sum_of(text, REQUESTS), self.sent)
        return spans

    def test_sampling_counts_every_request(self):
        self.begin("--sample-ratio", "0.1")
        self.send("/hello", 2000)
        spans = self.check_ledger()
        # Five standard deviations.
        self.assertLess(abs(spans - 200), 68)
        self.assertEqual(self.suppressed("sampled"), self.sent - spans)

    def test_filters_pass_what_is_asked_for_only(self):
        self.begin("--method", "GET", "--path-prefix", "/status", "--status", "5xx,2xx")
        spans = self.subscribe()
        self.send("/status/503", 20)
        self.send("/status/404", 30)
        self.send("/status/204", 10, "-method", "POST")
        self.send("/hello", 40)
        self.assertEqual(self.check_ledger(), 20)
        harness.wait_until(lambda: len(spans()) == 20, "the spans")
        for span in spans():
            self.assertEqual(span["attributes"]["http.response.status_code"], 503)
        # The labels are those that the spans would have had.
        self.assertEqual(self.metric(REQUESTS, http_response_status_code="404"), 30)
        self.assertEqual(self.metric(REQUESTS, http_request_method="POST"), 10)

    def test_limits_change_without_an_attach(self):
        self.begin("--rate-limit", "0.001", "--burst", "7")
        self.send("/hello", 100)
        self.assertEqual(self.check_ledger(), 7)
        self.assertEqual(self.suppressed("rate_limited"), 93)

        self.client("probe", "update", "web", "--rate-limit", "none", "--min-duration", "10s")
        limits = self.probe("web")["spec"]["spanLimits"]
        self.assertEqual({field: value for field, value in limits.items() if value}, {"minDuration": "10s"})
        self.send("/hello", 50)
        self.assertEqual(self.check_ledger(), 7)
        self.assertEqual(self.suppressed("filtered"), 50)

        self.client("probe", "update", "web", "--min-duration", "none")
        self.send("/hello", 20)
        self.assertEqual(self.check_ledger(), 27)
        self.assertEqual(self.daemon_log().count("attached probe="), 1)

    def check_balance(self):
        """At rest the ledger shows no imbalance, and is sure of it after three looks."""
        def exact():
            text = self.metrics()
            self.assertEqual(harness.sum_of(text, "uprobed_ledger_imbalance"), 0)
            return harness.sum_of(text, "uprobed_ledger_uncertainty") == 0
        harness.wait_until(exact, "the ledger is exact")

    def verdicts(self):
        fields = self.client("profile", "show", harness.hello(), "-o", "json").json()["fields"]
        return {field.get("verdict") for field in fields.values()}

    def nobody_streams(self):
        return self.metric("uprobed_stream_subscribers") == 0

    def test_spans_are_made_only_while_somebody_streams_them(self):
        self.begin("--only-while-streamed")
        self.send("/hello", 500)
        self.assertEqual(self.check_ledger(), 0)
        self.assertEqual(self.suppressed("unstreamed"), 500)
        self.assertNotIn("VERDICT_VERIFIED", self.verdicts())
        self.check_balance()

        # Whatever the filter; and the first events are those that the offsets are checked by.
        spans = self.subscribe("--filter", 'url.path = "/none"')
        everything = self.subscribe()
        self.send("/hello", 200)
        self.assertEqual(self.check_ledger(), 200)
        self.assertEqual(self.suppressed("unstreamed"), 500)
        harness.wait_until(lambda: len(everything()) == 200, "each request as a span")
        self.assertEqual(spans(), [])
        harness.wait_until(lambda: "VERDICT_VERIFIED" in self.verdicts(), "the check of the offsets")

        # One of two goes, and the other without a word.
        spans.end()
        harness.wait_until(lambda: self.metric("uprobed_stream_subscribers") == 1, "one is left")
        self.send("/hello", 30)
        self.assertEqual(self.check_ledger(), 230)
        everything.end(harness.signal.SIGKILL)
        harness.wait_until(self.nobody_streams, "nobody is left")
        self.send("/hello", 100)
        self.assertEqual(self.check_ledger(), 230)
        self.assertEqual(self.suppressed("unstreamed"), 600)
        self.check_balance()

        self.client("probe", "update", "web", "--only-while-streamed=none")
        self.send("/hello", 40)
        self.assertEqual(self.check_ledger(), 270)
        self.assertEqual(self.daemon_log().count("attached probe="), 1)

    def test_who_begins_to_stream_gets_whole_spans(self):
        self.begin()
        stop = threading.Event()

        def ask():
            connection = http.client.HTTPConnection(self.program.address)
            while not stop.is_set():
                connection.request("GET", "/hello")
                connection.getresponse().read()
                self.sent += 1
            connection.close()
        asking = threading.Thread(target=ask)
        asking.start()
        try:
            for _ in range(5):
                spans = self.subscribe()
                harness.wait_until(lambda: len(spans()) > 50, "spans")
                spans.end()
                harness.wait_until(self.nobody_streams, "nobody is left")
                for span in spans():
                    self.assertEqual(span["attributes"].get("network.peer.address"), "127.0.0.1")
                    self.assertEqual(span["attributes"].get("server.address"), "127.0.0.1")
        finally:
            stop.set()
            asking.join()
        self.assertEqual(self.check_ledger(), self.sent)

    def test_who_watches_the_topology_gets_edges(self):
        edges = "uprobed_edge_requests_total"
        self.begin("--only-while-streamed")
        self.send("/hello", 50)
        self.assertEqual(self.check_ledger(), 0)
        self.assertEqual(self.client("topology", "-o", "json").json().get("edges", []), [])

        told = self.directory / "watch.jsonl"
        with open(told, "w", encoding="utf-8") as output:
            watch = subprocess.Popen([harness.CLIENT, "--address", f"unix:{self.socket}", "topology", "--watch",
                                      "-o", "json"], stdout=output)
        self.cleanup.callback(harness.end, watch, harness.signal.SIGINT)
        harness.wait_until(told.read_text, "the snapshot")
        self.send("/hello", 20)
        self.assertEqual(self.check_ledger(), 20)
        harness.wait_until(lambda: self.metric(edges) == 20, "the edge of 20 requests")
        harness.wait_until(lambda: told.read_text().count("\n") > 1, "what was added")

        harness.end(watch, harness.signal.SIGKILL)
        def unstreamed():
            before = self.suppressed("unstreamed")
            self.send("/hello", 1)
            return self.suppressed("unstreamed") > before
        harness.wait_until(unstreamed, "nobody watches")
        spans = self.check_ledger()
        self.send("/hello", 30)
        self.assertEqual(self.check_ledger(), spans)

    def test_limits_are_checked_and_survive_a_restart(self):
        self.begin("--path-prefix", "/nowhere", "--status", "no-response", "--only-while-streamed")
        self.stop_daemon()
        self.start_daemon()
        spans = self.subscribe()
        self.send("/hello", 30)
        self.assertEqual(self.check_ledger(), 0)
        self.assertEqual(spans(), [])
        shown = self.client("probe", "describe", "web").out
        self.assertIn("paths /nowhere, no-response, only while streamed", shown)
        self.assertIn("filtered=30", shown)

        # What is out of bounds is refused.
        for options in (("--sample-ratio", "1.5"), ("--rate-limit", "0"), ("--path-prefix", "api"),
                        ("--method", "GET /")):
            with self.subTest(options=options):
                refused = self.run_client("attach", harness.hello(), *options)
                self.assertNotEqual(refused.code, 0)
                self.assertEqual(refused.reason, "SPAN_LIMITS_INVALID")

    def test_a_full_ring_loses_spans_and_no_request_of_the_metrics(self):
        self.begin(daemon=("--ring-bytes", "4096"))
        self.send("/hello", 5000)
        spans = self.check_ledger()
        self.assertGreater(self.metric("uprobed_spans_lost_total", cause="ring_full"), 0)
        self.assertGreater(spans, 0)


if __name__ == "__main__":
    unittest.main()
