"""Requests whose response net/http does not finish, and what is no request at all."""

import re
import socket
import unittest

import harness

UPGRADE = b"Connection: Upgrade\r\nUpgrade: echo\r\n"


def exchange(program, request, reads=True, then=b""):
    """What the server answers to raw bytes until it closes the connection."""
    host, port = program.address.rsplit(":", 1)
    answer = b""
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        if then:
            answer = connection.recv(4096)
            connection.sendall(then)
            connection.shutdown(socket.SHUT_WR)
        while reads:
            more = connection.recv(65536)
            if not more:
                break
            answer += more
        else:
            connection.recv(1)
    return answer


def seconds(timestamp):
    """Of an RFC 3339 time within its day."""
    hours, minutes, rest = re.search(r"T(\d+):(\d+):([\d.]+)Z", timestamp).groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def get(path, headers=b""):
    return b"GET %s HTTP/1.1\r\nHost: shop\r\n%s\r\n" % (path.encode(), headers)


CLOSE = b"Connection: close\r\n"

# what is sent; how the server answers; the status, the error and the path of its span
ENDS = {
    "panic": (get("/panic"), b"", None, "panic", "/panic"),
    "panic after the status": (get("/panicwritten"), b"202", 202, "panic", "/panicwritten"),
    "http.ErrAbortHandler": (get("/abort"), b"", None, "net/http.ErrAbortHandler", "/abort"),
    "runtime.Goexit": (get("/goexit"), b"", None, "runtime.Goexit", "/goexit"),
    "timeout of the handler": (get("/timeout", CLOSE), b"503", 503, "503", "/timeout"),
    "streamed events": (get("/events?n=5&ms=20", CLOSE), b"200", 200, None, "/events"),
    "malformed request": (b"GET\r\n\r\n", b"400", 400, None, None),
    "missing host": (b"GET / HTTP/1.1\r\n\r\n", b"400", 400, None, None),
    "header too large": (get("/", b"X: %s\r\n" % (b"x" * 2_000_000)), b"431", 431, None, None),
    "unsupported transfer encoding": (get("/", b"Transfer-Encoding: gzip\r\n"), b"501", 501, "501",
                                      None),
}


class ServerEnds(harness.E2eTest):

    def programs(self):
        """The oldest and the newest release."""
        found = sorted((path for path in harness.hello_targets() if "-stripped" not in path.name),
                       key=lambda path: int(re.search(r"go1\.(\d+)", path.name).group(1)))
        if not found:
            self.skipTest("no Go program to probe: run scripts/build_targets")
        return [found[0], found[-1]] if len(found) > 1 else found

    def check(self, name, wanted):
        """Waits for one more span, and compares it."""
        self.expected += 1
        harness.wait_until(lambda: len(self.spans()) >= self.expected, f"the span of {name}")
        self.assertEqual(len(self.spans()), self.expected, name)
        span = self.spans()[-1]
        attributes = span["attributes"]
        seen = (attributes.get("http.response.status_code"), attributes.get("error.type"),
                attributes.get("url.path"))
        print(f"{self.release:12} {name:32} {seen[0] or '-'!s:4} {seen[1] or '-'}")
        self.assertEqual(seen, wanted, name)
        self.assertEqual(span["kind"], "KIND_SERVER")
        return span

    def check_all(self, program):
        for name, (request, answer, *wanted) in ENDS.items():
            answered = exchange(program, request)
            self.assertEqual(answered[9:12], answer, name)
            span = self.check(name, tuple(wanted))
            if name == "streamed events":
                self.assertGreater(seconds(span["endTime"]) - seconds(span["startTime"]), 0.08)

    def check_hijacked(self, program):
        answered = exchange(program, get("/hijack", UPGRADE), then=b"one\ntwo\n")
        self.assertEqual(answered[9:12], b"101")
        self.assertTrue(answered.endswith(b"one\ntwo\n"))
        span = self.check("connection hijacked", (None, None, "/hijack"))
        self.assertTrue(span["attributes"]["uprobed.connection.hijacked"])

    def check_client_gone(self, program):
        exchange(program, get("/gone"), reads=False)
        self.check("client gone", (200, "response_not_written", "/gone"))

    def check_informational(self, program):
        if "go1.15" in self.release:
            return  # from Go 1.19 on
        answered = exchange(program, get("/hints", CLOSE))
        self.assertIn(b"HTTP/1.1 103", answered)
        self.check("103, then 201", (201, None, "/hints"))

    def test_each_end_gives_one_true_span(self):
        self.start_daemon()
        for path in self.programs():
            with self.subTest(program=path.name):
                self.release = re.search(r"go1\.\d+\.\d+", path.name).group(0)
                name = "ends-" + self.release.replace(".", "-")
                self.attach(path, "--name", name)
                program = self.start_program(path)
                self.spans = self.subscribe()
                self.expected = 0
                self.check_all(program)
                self.check_hijacked(program)
                self.check_client_gone(program)
                self.check_informational(program)
                for cause in ("abandoned", "no_start", "read_fault", "ring_full"):
                    self.assertEqual(
                        self.metric("uprobed_spans_lost_total", probe=name, cause=cause), 0)
                self.assertEqual(self.metric("uprobed_requests_in_flight"), 0)
                self.client("detach", name)
                program.stop()


if __name__ == "__main__":
    unittest.main()
