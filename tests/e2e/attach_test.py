"""Attaching: each request of a probed program becomes exactly one span, whenever it was started."""

import collections
import os
import shutil
import subprocess
import unittest

import harness


class Attach(harness.E2eTest):

    def test_ten_thousand_requests_are_ten_thousand_spans(self):
        before = self.start_program(harness.hello())
        self.start_daemon()
        self.attach(harness.hello(), "--name", "hello")
        after = self.start_program(harness.hello())
        spans = self.subscribe()

        sent = collections.Counter()
        for program, total in ((before, 6000), (after, 4000)):
            report = self.load(program.url("/status/201"), total)
            self.assertEqual(report["statuses"], {"201": total})
            sent[program.pid] = total

        harness.wait_until(lambda: len(spans()) >= 10000, "10 000 spans")
        seen = spans()
        self.assertEqual(len(seen), 10000)
        self.assertEqual(len({span["spanId"] for span in seen}), 10000)
        self.assertEqual(collections.Counter(span["resource"]["process.pid"] for span in seen), sent)
        for span in seen:
            self.assertEqual(span["kind"], "KIND_SERVER")
            self.assertEqual(span["attributes"]["http.request.method"], "GET")
            self.assertEqual(span["attributes"]["url.path"], "/status/201")
            self.assertEqual(span["attributes"]["http.response.status_code"], 201)
        self.assertEqual(self.metric("uprobed_spans_lost_total"), 0)
        self.assertEqual(self.metric("uprobed_stream_spans_dropped_total"), 0)
        self.assertEqual(self.metric("uprobed_probe_hits_total", site="server_start"), 10000)
        self.assertEqual(self.metric("uprobed_probe_hits_total", site="server_end"), 10000)

    def test_every_path_and_method_is_the_requests(self):
        self.start_daemon()
        self.attach(harness.hello())
        program = self.start_program(harness.hello())
        spans = self.subscribe()

        report = self.load(program.url("/hello"), 300, 4, "-paths", 30, "-method", "PUT")

        harness.wait_until(lambda: len(spans()) >= 300, "300 spans")
        self.assertEqual(collections.Counter(span["attributes"]["url.path"] for span in spans()),
                         report["paths"])
        self.assertEqual({span["attributes"]["http.request.method"] for span in spans()}, {"PUT"})

    def test_client_span_is_the_child_of_the_server_span(self):
        self.start_daemon()
        self.attach(harness.hello())
        program = self.start_program(harness.hello(), {"OTEL_SERVICE_NAME": "greeter"})
        spans = self.subscribe()

        self.load(program.url("/call"), 1)

        harness.wait_until(lambda: len(spans()) >= 3, "three spans")
        client = next(span for span in spans() if span["kind"] == "KIND_CLIENT")
        parent = next(span for span in spans() if span["spanId"] == client["parentSpanId"])
        self.assertEqual(parent["attributes"]["url.path"], "/call")
        self.assertEqual(parent["traceId"], client["traceId"])
        self.assertEqual(parent["resource"]["service.name"], "greeter")
        # The callee is an address until the sockets of the process were looked at, and the caller
        # outside once nobody has claimed its request.
        harness.wait_until(lambda: self.edges() == {
            ("outside", "none", "greeter", "/call"), ("greeter", "/call", "greeter", "/hello"),
            ("greeter", "/hello", "none", "none")},
                           "the callee is known")

    def edges(self):
        edges = self.client("topology", "-o", "json").json()["edges"]
        return {(edge["caller"], edge["callerFunction"], edge["callee"], edge["calleeFunction"])
                for edge in edges}

    def test_traceparent_is_adopted(self):
        self.start_daemon()
        trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
        # Maps of buckets and of groups, of one and of several; the fillers' names are as long as
        # the name of the header.
        oldest, newest = map(harness.own, (harness.hello_targets()[0], harness.hello_targets()[-1]))
        fillers = (*range(12), 20, 30, 40)
        for binary in (oldest, newest):
            self.attach(binary)
        spans = self.subscribe()
        for binary in (oldest, newest):
            program = self.start_program(binary)
            for count in fillers:
                program.get("/hello", {f"X-Filler-{number:02}": "x" for number in range(count)} |
                            {"traceparent": f"00-{trace}-{parent}-01"})

        harness.wait_until(lambda: len(spans()) >= 2 * len(fillers), "a span for each request")
        for span in spans():
            self.assertEqual(harness.as_hex(span["traceId"]), trace)
            self.assertEqual(harness.as_hex(span["parentSpanId"]), parent)
            self.assertEqual(span["parentSource"], "PARENT_SOURCE_TRACEPARENT")

    def test_malformed_traceparent_is_ignored(self):
        self.start_daemon()
        self.attach(harness.hello())
        program = self.start_program(harness.hello())
        spans = self.subscribe()

        for header in ("00-00000000000000000000000000000000-b7ad6b7169203331-01",
                       "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                       "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                       "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                       "rubbish"):
            program.get("/hello", {"traceparent": header})

        harness.wait_until(lambda: len(spans()) >= 5, "five spans")
        for span in spans():
            self.assertEqual(span.get("parentSpanId", ""), "")
            self.assertNotIn("0af7651916cd43dd", harness.as_hex(span["traceId"]))

    def test_query_is_reported_only_when_asked_for(self):
        self.start_daemon()
        self.attach(harness.hello(), "--name", "quiet")
        program = self.start_program(harness.hello())
        spans = self.subscribe()
        self.load(program.url("/big?n=5"), 1)
        harness.wait_until(lambda: len(spans()) >= 1, "a span")
        self.assertNotIn("url.query", spans()[0]["attributes"])
        self.assertEqual(spans()[0]["attributes"]["url.path"], "/big")

        self.client("detach", "quiet")
        self.attach(harness.hello(), "--name", "talking", "--capture-query")
        self.load(program.url("/big?n=6"), 1)
        harness.wait_until(lambda: len(spans()) >= 2, "a second span")
        self.assertEqual(spans()[1]["attributes"]["url.query"], "n=6")

    def test_long_path_is_cut_and_says_so(self):
        self.start_daemon()
        self.attach(harness.hello())
        program = self.start_program(harness.hello())
        spans = self.subscribe()
        path = "/" + "x" * 400

        program.get(path)

        harness.wait_until(lambda: len(spans()) >= 1, "a span")
        self.assertEqual(spans()[0]["attributes"]["url.path"], path[:256])
        self.assertEqual(spans()[0]["truncatedAttributes"], ["url.path"])

    def test_pid_scope_sees_one_process_only(self):
        watched = self.start_program(harness.hello())
        ignored = self.start_program(harness.hello())
        self.start_daemon()
        self.attach("--pid", watched.pid, "--name", "one")
        spans = self.subscribe()

        self.load(ignored.url("/hello"), 50)
        self.load(watched.url("/hello"), 50)

        harness.wait_until(lambda: len(spans()) >= 50, "50 spans")
        self.assertEqual({span["resource"]["process.pid"] for span in spans()}, {watched.pid})
        self.assertEqual(len(spans()), 50)
        self.assertEqual(self.metric("uprobed_probe_hits_total", site="server_start"), 50)
        # Two for each request, and one once a connection ends, of which Go's client may open more than
        # it needs at a time: one for each request at the most.
        self.assertIn(self.metric("uprobed_probe_out_of_scope_hits_total"), range(100, 151))

    def test_replaced_binary_is_attached_anew_and_the_old_process_still_seen(self):
        self.start_daemon()
        path = self.directory / "service"
        shutil.copy(harness.hello(), path)
        self.attach(path, "--name", "service")
        old = self.start_program(path)
        first = self.probe("service")["status"]["profile"]
        spans = self.subscribe()

        replacement = self.directory / "service.new"
        shutil.copy(harness.hello(stripped=True), replacement)
        os.rename(replacement, path)
        harness.wait_until(lambda: self.probe("service")["status"]["profile"] != first,
                           "the new file is attached")
        new = self.start_program(path)
        self.load(old.url("/hello"), 20)
        self.load(new.url("/hello"), 30)

        harness.wait_until(lambda: len(spans()) >= 50, "50 spans")
        self.assertEqual(
            collections.Counter(span["resource"]["process.pid"] for span in spans()),
            {old.pid: 20, new.pid: 30})

        old.stop()
        harness.wait_until(lambda: self.probe("service")["status"]["attachedBinaries"] == 1,
                           "the old file is detached")

    def test_vanished_binary_waits_and_comes_back(self):
        self.start_daemon()
        path = self.directory / "service"
        shutil.copy(harness.hello(), path)
        self.attach(path, "--name", "service")
        os.unlink(path)
        harness.wait_until(
            lambda: self.probe("service")["status"]["state"] == "STATE_WAITING", "it waits")

        shutil.copy(harness.hello(), path)
        harness.wait_until(
            lambda: self.probe("service")["status"]["state"] == "STATE_ACTIVE", "it is back")
        program = self.start_program(path)
        spans = self.subscribe()
        self.load(program.url("/hello"), 10)
        harness.wait_until(lambda: len(spans()) == 10, "10 spans")

    def test_disabled_probe_is_detached_and_kept(self):
        self.start_daemon()
        self.attach(harness.hello(), "--name", "hello")
        program = self.start_program(harness.hello())
        self.client("probe", "disable", "hello")
        self.assertEqual(self.probe("hello")["status"]["state"], "STATE_DISABLED")
        self.load(program.url("/hello"), 50)
        self.client("probe", "enable", "hello")
        spans = self.subscribe()
        self.load(program.url("/hello"), 50)
        harness.wait_until(lambda: len(spans()) >= 50, "50 spans")
        self.assertEqual(self.metric("uprobed_spans_total"), 50)

    def test_slow_subscriber_loses_its_own_spans_only(self):
        self.start_daemon()
        self.attach(harness.hello())
        program = self.start_program(harness.hello())
        stalled = subprocess.Popen(
            [harness.CLIENT, "--address", f"unix:{self.socket}", "spans", "-o", "json",
             "--queue-capacity", "10"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.cleanup.callback(harness.end, stalled, harness.signal.SIGKILL)
        harness.wait_until(lambda: self.metric("uprobed_stream_subscribers") == 1, "it subscribes")
        stalled.send_signal(harness.signal.SIGSTOP)
        spans = self.subscribe()

        self.load(program.url("/hello"), 20000)

        harness.wait_until(lambda: len(spans()) >= 20000, "20 000 spans at the quick subscriber")
        self.assertEqual(len(spans()), 20000)
        self.assertGreater(self.metric("uprobed_stream_spans_dropped_total"), 0)
        stalled.send_signal(harness.signal.SIGCONT)
        self.assertIn("lost", stalled.stderr.readline())


if __name__ == "__main__":
    unittest.main()
