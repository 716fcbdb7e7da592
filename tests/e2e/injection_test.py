"""The header traceparent, written into the requests of programs that make them.

A server that keeps every byte compares what comes in with what the same program sends without a probe:
but for one line it must be the same. Prints what a request's size does to it.
"""

import collections
import json
import re
import shutil
import subprocess
import unittest

import harness
import raw_server

LINE = re.compile(rb"Traceparent: (00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2}))\r\n")
LINE_BYTES = 70
BUFFER_BYTES = 4096  # of net/http, unless http.Transport.WriteBufferSize says another
OWN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BY_HEADER = "PARENT_SOURCE_TRACEPARENT"


def senders():
    """The program by releases of each way to pass arguments and of each kind of map."""
    return sorted(harness.TARGETS.glob("sender-go*"))


def injected(request):
    """The matches of the line in what is before the body."""
    return LINE.findall(request.split(b"\r\n\r\n", 1)[0] + b"\r\n")


class Sending(harness.E2eTest):
    """A daemon, a server, and a program that sends what it is told to send."""

    def begin(self, program):
        self.skip_where_injection_is_refused()
        self.sender = self.directory / "sender"
        shutil.copy(program, self.sender)
        self.start_daemon()
        self.skip_where_nothing_is_injected(self.sender)
        self.server = self.started(raw_server.RawServer())
        self.process = subprocess.Popen([self.sender], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.cleanup.callback(harness.end, self.process)
        self.cleanup.callback(self.process.stdin.close)

    def started(self, server):
        self.cleanup.callback(server.close)
        return server

    def inject(self, *options):
        probe = self.attach(self.sender, "--name", "sender", "--inject-traceparent", *options)
        self.assertEqual(probe["status"]["state"], "STATE_ACTIVE", probe)
        self.assertEqual(int(probe["status"].get("singleSteppedSites", 0)), 0)

    def send(self, errors=False, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        result = json.loads(self.process.stdout.readline())
        if not errors:
            self.assertNotIn("errors", result["counts"], result)
        return result["counts"]

    def exchange(self, server=None, **command):
        """The bytes of the requests that a command makes."""
        self.send(**command)
        return (server or self.server).take()

    def not_injected(self):
        causes = ("own_header", "headers", "no_room", "no_request", "fault")
        counts = {cause: int(self.metric("uprobed_requests_not_injected_total", cause=cause))
                  for cause in causes}
        return {cause: count for cause, count in counts.items() if count}

    def expect_nothing_left(self):
        for gauge in ("uprobed_outgoing_headers_in_flight", "uprobed_requests_in_flight"):
            harness.wait_until(lambda: self.metric(gauge) == 0, gauge)
        for loss in ("uprobed_spans_lost_total", "uprobed_fields_unread_total"):
            self.assertEqual(self.metric(loss), 0, loss)

    def spans_by_id(self, spans, count):
        def enough():
            found = [span for span in spans() if span["kind"] == "KIND_CLIENT"]
            return found if len(found) >= count else None
        return {harness.as_hex(span["spanId"]): span for span in harness.wait_until(enough, "the spans")}


class OfEachProgram:
    """What must hold of each program; a class for each is made below."""

    program = None

    def setUp(self):
        super().setUp()
        self.begin(self.program)

    def commands(self):
        """Requests of all kinds, each with what is behind it."""
        url = self.server.url
        yield "GET", {"URL": url + "/get"}
        yield "GET again on the connection", {"URL": url + "/again?x=1"}
        yield "POST", {"URL": url + "/post", "Method": "POST", "Body": 100}
        yield "large POST", {"URL": url + "/large", "Method": "POST", "Body": 100_000}
        yield "chunked", {"URL": url + "/chunked", "Method": "PUT", "Body": 50_000, "Chunked": True}
        yield "HEAD", {"URL": url + "/head", "Method": "OPTIONS"}
        yield "100-continue", {"URL": url + "/expect", "Method": "POST", "Body": 5000,
                               "Header": {"Expect": "100-continue"}}
        yield "no User-Agent", {"URL": url + "/agent", "Header": {"User-Agent": ""}}
        yield "upgrade", {"URL": url + "/upgrade",
                          "Header": {"Connection": "Upgrade", "Upgrade": "chat"}}
        yield "close", {"URL": url + "/close", "Header": {"Connection": "close"}}
        # More than a group or a bucket of a map has, and what is like the name and is not.
        for count in (6, 7, 8, 9, 13, 14, 27, 40):
            many = {f"X-Header-{i:02}": str(i) for i in range(count - 1)}
            yield f"{count} headers", {"URL": url + f"/many/{count}",
                                       "Header": {**many, "Tracestate-": "a"}}
        yield "large headers", {"URL": url + "/big", "Header": {"Cookie": "c" * 20_000}}
        yield "small buffer", {"URL": url + "/small", "WriteBuffer": 200}
        yield "large buffer", {"URL": url + "/wide", "WriteBuffer": 1 << 20, "Method": "POST",
                               "Body": 300_000}

    def test_requests_are_the_same_but_for_the_line(self):
        plain = {what: self.exchange(**command) for what, command in self.commands()}
        spans = self.subscribe()
        self.inject()
        ids = []
        for what, command in self.commands():
            with self.subTest(what):
                [request] = self.exchange(**command)
                [(_, trace_id, span_id, flags)] = injected(request)
                self.assertEqual([LINE.sub(b"", request, count=1)], plain[what])
                self.assertEqual(flags, b"01")
                ids.append((trace_id, span_id))
        self.assertEqual(self.not_injected(), {})
        self.assertEqual(self.metric("uprobed_requests_injected_total"), len(ids))
        by_id = self.spans_by_id(spans, len(ids))
        for trace_id, span_id in ids:
            self.assertEqual(harness.as_hex(by_id[span_id.decode()]["traceId"]), trace_id.decode())
        self.expect_nothing_left()

        self.client("detach", "sender")
        for what, command in self.commands():
            self.assertEqual(self.exchange(**command), plain[what], what)

    def test_a_header_of_the_program_is_kept(self):
        commands = [{"URL": self.server.url + "/own", "Header": {**many, name: OWN}}
                    for name in ("Traceparent", "traceparent", "TraceParent")
                    for many in ({}, {f"X-{i}": "x" for i in range(7)},
                                 {f"X-{i}": "x" for i in range(20)})]
        plain = [self.exchange(**command) for command in commands]
        # Its value may be anything.
        commands.append({"URL": self.server.url + "/own", "Header": {"Traceparent": "none"}})
        plain.append(self.exchange(**commands[-1]))
        self.inject()

        self.assertEqual([self.exchange(**command) for command in commands], plain)

        self.assertEqual(self.not_injected(), {"own_header": len(commands)})
        self.assertEqual(self.metric("uprobed_requests_injected_total"), 0)
        self.expect_nothing_left()

    def test_more_headers_than_are_looked_through(self):
        many = {f"X-Header-{i:03}": str(i) for i in range(500)}
        command = {"URL": self.server.url + "/many", "Header": many}
        own = {"URL": self.server.url + "/many", "Header": {**many, "Traceparent": OWN}}
        plain = self.exchange(**command), self.exchange(**own)
        self.inject()

        self.assertEqual((self.exchange(**command), self.exchange(**own)), plain)

        self.assertEqual(sum(self.not_injected().values()), 2)
        self.assertEqual(self.not_injected().get("headers", 0) +
                         self.not_injected().get("own_header", 0), 2)

    def test_the_end_of_the_buffer(self):
        head = "GET  HTTP/1.1\r\n" + f"Host: {self.server.address}\r\n" + \
            "User-Agent: Go-http-client/1.1\r\n"
        sizes = [*range(BUFFER_BYTES - LINE_BYTES - 4, BUFFER_BYTES + 8), 4200, 8190, 8192, 12345]
        commands = {size: {"URL": self.server.url + "/" + "p" * (size - len(head) - 1)}
                    for size in sizes}
        # The same of what comes behind the line.
        for size in range(BUFFER_BYTES - LINE_BYTES - 4, BUFFER_BYTES + 8):
            commands[-size] = {"URL": self.server.url + "/behind",
                               "Header": {"X-Long": "h" * (size - 200)}}
        plain = {size: self.exchange(**command) for size, command in commands.items()}
        self.inject()
        without = []
        for size, command in commands.items():
            [request] = self.exchange(**command)
            if not injected(request):
                without.append(size)
            self.assertEqual([LINE.sub(b"", request, count=1)], plain[size], size)

        # What is longer was flushed, and the buffer begins anew.
        print(f"{self.program.name:24} {len(commands)} sizes: without the header "
              f"{min(without)} to {max(without)} bytes")
        self.assertEqual(without, list(range(BUFFER_BYTES - LINE_BYTES + 1, BUFFER_BYTES + 1)))
        self.assertEqual(self.not_injected(), {"no_room": len(without)})
        self.expect_nothing_left()

    def test_many_at_once(self):
        spans = self.subscribe()
        self.inject()
        total = 1000
        counts = self.send(URL=self.server.url + "/many", Count=total, Concurrent=32)
        self.assertEqual(counts, {"200": total})

        by_id = self.spans_by_id(spans, total)
        right = 0
        for request in self.server.take():
            [(_, trace_id, span_id, _)] = injected(request)
            span = by_id[span_id.decode()]
            self.assertEqual(harness.as_hex(span["traceId"]), trace_id.decode())
            self.assertEqual(span["attributes"]["url.path"], raw_server.path_of(request))
            right += 1
        print(f"{self.program.name:24} {right} of {total} requests have the ids of their span")
        self.assertEqual(right, total)
        self.assertEqual(self.not_injected(), {})
        self.expect_nothing_left()

    def test_each_attempt_of_a_request(self):
        spans = self.subscribe()
        self.inject()
        total = 20
        for number in range(total):
            self.send(URL=f"{self.server.url}/drop/{number}")

        attempts = collections.defaultdict(list)
        for request in self.server.take():
            [(text, _, _, _)] = injected(request)
            attempts[raw_server.path_of(request)].append(text)
        by_id = self.spans_by_id(spans, total)
        self.assertEqual(len(attempts), total)
        self.assertGreater(max(len(of) for of in attempts.values()), 1)
        for path, texts in attempts.items():
            self.assertEqual(len(set(texts)), 1, path)
            span = by_id[texts[0].decode().split("-")[2]]
            self.assertEqual(span["attributes"]["url.path"], path)
        self.expect_nothing_left()

    def test_what_no_transport_writes_and_tunnels(self):
        proxy = self.started(raw_server.Tunnel())
        hello = self.start_program(harness.hello(), arguments=["-tls"])
        direct = {"URL": self.server.url + "/direct", "Direct": True}
        tunnel = {"URL": f"https://{hello.address}/hello", "Proxy": proxy.url}
        plainly = {"URL": self.server.url + "/proxied", "Proxy": proxy.url}
        plain = (self.exchange(**direct), self.exchange(proxy, **tunnel))
        [proxied] = self.exchange(proxy, **plainly)
        self.inject()
        self.client("attach", harness.hello(), "--name", "hello", "--instrumentation",
                    "http_server")
        spans = self.subscribe()

        self.assertEqual((self.exchange(**direct), self.exchange(proxy, **tunnel)), plain)
        [request] = self.exchange(proxy, **plainly)

        self.assertEqual(len(injected(request)), 1)
        self.assertEqual(LINE.sub(b"", request, count=1), proxied)
        self.assertEqual(self.not_injected(), {"no_request": 2})
        # What goes through the tunnel has the header.
        def served():
            return [span for span in spans() if span["kind"] == "KIND_SERVER"]
        [span] = harness.wait_until(served, "the span of the server")
        self.assertEqual(span["parentSource"], BY_HEADER)
        self.expect_nothing_left()

    def test_requests_that_are_given_up(self):
        self.inject()
        for microseconds in (1, 50, 100, 200, 400, 800):
            self.send(errors=True, URL=self.server.url + "/given-up", Count=50, Concurrent=8,
                      CancelMicroseconds=microseconds)
        self.expect_nothing_left()
        self.server.take()
        [request] = self.exchange(URL=self.server.url + "/after")
        self.assertEqual(len(injected(request)), 1)

    def test_who_serves_is_the_child(self):
        hello = self.start_program(harness.hello())
        self.inject()
        self.attach(harness.hello(), "--name", "hello", "--instrumentation", "http_server")
        spans = self.subscribe()
        total = 100
        self.send(URL=f"http://{hello.address}/status/200?", Count=total, Concurrent=4)

        by_id = self.spans_by_id(spans, total)
        def served():
            found = [span for span in spans() if span["kind"] == "KIND_SERVER"]
            return found if len(found) >= total else None
        for span in harness.wait_until(served, "the spans of the server"):
            parent = by_id[harness.as_hex(span["parentSpanId"])]
            self.assertEqual(parent["traceId"], span["traceId"])
            self.assertEqual(span["parentSource"], BY_HEADER)
        self.expect_nothing_left()

    def test_what_is_not_sampled_says_so(self):
        self.inject("--sample-ratio", "0")
        for request in self.exchange(URL=self.server.url + "/unsampled", Count=10, Concurrent=1):
            [(_, _, _, flags)] = injected(request)
            self.assertEqual(flags, b"00")


for found in senders():
    name = "Injection_" + re.sub(r"\W", "_", found.name)
    globals()[name] = type(name, (OfEachProgram, Sending), {"program": found})


class Injection(Sending):

    def setUp(self):
        super().setUp()
        if not senders():
            self.skipTest("no Go program to probe: run scripts/build_targets")

    def test_the_trace_of_the_request_being_served_goes_on(self):
        found = sorted(harness.TARGETS.glob("chain-go*"))
        if not found:
            self.skipTest("no Go program to probe: run scripts/build_targets")
        self.begin(senders()[-1])
        for path in found:
            server = self.started(raw_server.RawServer())
            program = self.directory / path.name
            shutil.copy(path, program)
            chain = self.start_program(program, arguments=["-next", server.url])
            self.attach(program, "--name", "chain", "--inject-traceparent")
            self.assertEqual(chain.get("/pass/1", {"Traceparent": OWN}), 200)
            [request] = server.take()
            [(_, trace_id, span_id, flags)] = injected(request)
            # chain calls without a context, on the goroutine that serves.
            self.assertEqual(trace_id.decode(), OWN.split("-")[1])
            self.assertNotEqual(span_id.decode(), OWN.split("-")[2])
            self.assertEqual(flags, b"01")
            self.client("detach", "chain")

    def test_it_can_be_taken_back_and_survives_a_restart(self):
        self.begin(senders()[-1])
        url = self.server.url + "/x"
        self.inject()
        self.assertEqual(len(injected(self.exchange(URL=url)[0])), 1)
        self.stop_daemon()
        self.assertEqual(len(injected(self.exchange(URL=url)[0])), 0)
        self.start_daemon()
        harness.wait_until(lambda: self.probe("sender")["status"]["state"] == "STATE_ACTIVE",
                           "the probe is attached again")
        self.assertEqual(len(injected(self.exchange(URL=url)[0])), 1)

    def test_without_the_privilege_it_is_refused_and_all_else_is_not(self):
        self.sender = senders()[-1]
        self.start_daemon(under=["setpriv", "--bounding-set", "-sys_admin"])
        refused = self.run_client("attach", self.sender, "--inject-traceparent", "--name", "sender")
        self.assertEqual(refused.reason, "INJECTION_UNAVAILABLE", refused.err)
        self.assertIn("CAP_SYS_ADMIN", refused.err)
        self.assertEqual(self.probe("sender")["status"]["state"], "STATE_FAILED")
        self.client("detach", "sender")
        self.attach(self.sender, "--name", "sender")
        status = self.client("status").out
        self.assertRegex(status, r"injection +no +.*CAP_SYS_ADMIN")

    def test_a_kernel_that_is_locked_down_is_obeyed(self):
        self.start_daemon()
        if not re.search(r"lockdown_none +no", self.client("status").out):
            self.skipTest("the kernel is not locked down")
        refused = self.run_client("attach", senders()[-1], "--inject-traceparent", "--name", "sender")
        self.assertEqual(refused.reason, "INJECTION_UNAVAILABLE", refused.err)
        self.assertIn("locked down", refused.err)
        self.assertEqual(self.probe("sender")["status"]["state"], "STATE_FAILED")
        self.client("detach", "sender")
        without = self.attach(senders()[-1], "--name", "sender")
        self.assertEqual(without["status"]["state"], "STATE_ACTIVE")


if __name__ == "__main__":
    unittest.main()
