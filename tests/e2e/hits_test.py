"""What a request costs in hits: of each kind of span, and with each option."""

import subprocess
import unittest

import harness

REQUESTS = 2000
CONNECTIONS = 4
# A connection's end is a hit, and where the stack grows in a function's prologue its site is hit twice.
MORE = 0.02


class Hits(harness.E2eTest):

    def start(self, *options):
        process = subprocess.Popen([harness.hello(), "-addr", "127.0.0.1:0", *options],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.cleanup.callback(harness.end, process)
        return process.stdout.readline().strip().removeprefix("listening on ")

    def start_router(self, router):
        process = subprocess.Popen([router], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   text=True)
        self.cleanup.callback(harness.end, process)
        return process.stdout.readline().strip().removeprefix("listening on ")

    def hits(self, what, binary, url, options=(), generator=()):
        """Hits of one request, and how many of the sites are single-stepped."""
        probe = self.attach(binary, "--name", "cost", *options)
        before = self.metric("uprobed_probe_hits_total", probe="cost")
        self.load(url, REQUESTS, CONNECTIONS, *generator)
        hits = (self.metric("uprobed_probe_hits_total", probe="cost") - before) / REQUESTS
        single_stepped = int(probe["status"].get("singleSteppedSites", 0))
        self.client("detach", "cost")
        print(f"{what:60} {hits:7.3f}")
        self.assertEqual(single_stepped, 0, what)
        return hits

    def test_two_for_each_span_by_default(self):
        self.start_daemon()
        plain, tls = f"http://{self.start()}", f"https://{self.start('-tls')}"
        client = harness.own(harness.TARGETS / "loadgen")
        http2 = ("-http2", "-insecure")
        server_only = ("--instrumentation", "http_server")
        for what, binary, url, generator in (
                ("HTTP/1 server", harness.hello(), plain + "/hello", ()),
                ("HTTP/2 server", harness.hello(), tls + "/hello", http2),
                ("HTTP/1 client", client, plain + "/hello", ()),
                ("HTTP/2 client", client, tls + "/hello", http2)):
            hits = self.hits(what, binary, url, generator=generator)
            self.assertGreaterEqual(hits, 2, what)
            self.assertLessEqual(hits, 2 + MORE, what)
        first_byte, body = ("--timing", "first-byte"), ("--timing", "body")
        for what, binary, url, option, most, generator in (
                ("HTTP/1 server, first byte", harness.hello(), plain + "/hello", first_byte, 3, ()),
                ("HTTP/2 server, first byte", harness.hello(), tls + "/hello", first_byte, 3, http2),
                ("HTTP/1 client, body", client, plain + "/hello", body, 4, ()),
                ("HTTP/2 client, body", client, tls + "/hello", body, 4, http2)):
            hits = self.hits(what, binary, url, option, generator)
            self.assertGreaterEqual(hits, most, what)
            self.assertLessEqual(hits, most + MORE, what)
        function = ("--handler-function",)
        for what, url, generator in (
                ("HTTP/1 server, handler function", plain, ()),
                ("HTTP/2 server, handler function", tls, http2)):
            hits = self.hits(what, harness.hello(), url + "/hello", function, generator)
            self.assertGreaterEqual(hits, 3, what)
            self.assertLessEqual(hits, 3 + MORE, what)
        # Served, and made and served: three spans.
        calling = plain + "/call"
        by_default = self.hits("a server's request that makes one", harness.hello(), calling)
        self.assertLessEqual(by_default, 6 + 3 * MORE)
        self.assertLess(self.hits("the same, server only", harness.hello(), calling, server_only),
                        4 + 2 * MORE)
        routers = [harness.own(path) for path in sorted(harness.TARGETS.glob("routes-*-stripped"))
                   if "nested" not in path.name]
        for router in routers:
            url = f"http://{self.start_router(router)}/users/4711"
            for option, most in (((), 2), (("--framework-routes",), 3),
                                 (("--framework-routes", "--handler-function"), 3)):
                what = " ".join((router.name, "server", *option))
                hits = self.hits(what, router, url, option)
                self.assertGreaterEqual(hits, most, what)
                self.assertLessEqual(hits, most + MORE, what)
        for option in (("--stitch-traces",), ("--causality", "goroutines"),
                       ("--causality", "channels"), ("--causality", "goroutines,channels")):
            more = self.hits("the same, " + " ".join(option), harness.hello(), calling, option)
            self.assertGreater(more, by_default, option)

    def test_two_more_to_inject_traceparent(self):
        self.start_daemon()
        client, url = harness.own(harness.TARGETS / "loadgen"), f"http://{self.start()}/hello"
        self.skip_where_nothing_is_injected(client)
        # The connection is noted in the same hit for both.
        for options in (("--inject-traceparent",), ("--inject-traceparent", "--stitch-traces")):
            hits = self.hits("HTTP/1 client, " + " ".join(options), client, url, options)
            self.assertGreaterEqual(hits, 4, options)
            self.assertLessEqual(hits, 4 + MORE, options)


if __name__ == "__main__":
    unittest.main()
