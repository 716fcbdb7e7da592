"""Go programs that nobody here wrote: packages of the distribution and of npm."""

import http.server
import os
import pathlib
import subprocess
import threading
import unittest
import urllib.error
import urllib.request

import harness

BODY = "a page of some length\n" * 40


def fetch(url, method="GET"):
    """Status and size of the body of one request."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, method=method)
    try:
        with opener.open(request, timeout=30) as response:
            return response.status, len(response.read())
    except urllib.error.HTTPError as error:
        return error.code, len(error.read())
    except urllib.error.URLError:
        return None


class RealPrograms(harness.E2eTest):

    def program(self, name):
        path = harness.tool(name)
        if path is None:
            self.skipTest(f"{name} is not to be had (scripts/test_tools says why)")
        return os.path.realpath(path)

    def site(self):
        folder = self.directory / "site"
        folder.mkdir()
        (folder / "page.txt").write_text(BODY, encoding="utf-8")
        return folder

    def run_program(self, *command, **environment):
        process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            stdin=subprocess.PIPE, cwd=self.directory,
            env={"PATH": os.environ["PATH"], "HOME": str(self.directory), **environment})
        self.cleanup.callback(harness.end, process)
        # Open as long as it runs: some programs end when it is closed.
        self.cleanup.callback(process.stdin.close)
        return process

    def expect_server_spans(self, path, port, requests):
        """Each request gives one span, with what the client saw."""
        base = f"http://127.0.0.1:{port}"
        harness.wait_until(lambda: fetch(base + "/"), "the program serves")
        self.attach(path)
        spans = self.subscribe()
        seen = [("GET", target, *fetch(base + target)) for target in requests]

        harness.wait_until(lambda: len(spans()) >= len(seen), f"{len(seen)} spans")
        reported = []
        # Of two connections the first request may end, for the server, after the second.
        for span in sorted(spans(), key=lambda span: span["startTime"]):
            self.assertEqual(span["kind"], "KIND_SERVER")
            attributes = span["attributes"]
            reported.append((attributes["http.request.method"], attributes["url.path"],
                             attributes["http.response.status_code"],
                             attributes.get("http.response.body.size", 0)))
        self.assertEqual(reported, seen)
        print(pathlib.Path(path).name, reported)

    def test_caddy(self):
        path, port = self.program("caddy"), harness.free_port()
        self.start_daemon()
        self.run_program(path, "file-server", "--listen", f"127.0.0.1:{port}", "--root", self.site())
        self.expect_server_spans(path, port, ["/page.txt", "/missing", "/page.txt"])

    def test_node_exporter(self):
        path, port = self.program("prometheus-node-exporter"), harness.free_port()
        self.start_daemon()
        self.run_program(path, f"--web.listen-address=127.0.0.1:{port}")
        self.expect_server_spans(path, port, ["/", "/metrics", "/missing"])

    def test_esbuild(self):
        """Carries no build information, symbols or DWARF."""
        path, port = self.program("esbuild"), harness.free_port()
        self.start_daemon()
        self.run_program(path, f"--serve=127.0.0.1:{port}", f"--servedir={self.site()}")
        self.expect_server_spans(path, port, ["/page.txt", "/missing", "/page.txt"])

    def test_buf(self):
        path, port = self.program("buf"), harness.free_port()
        self.start_daemon()
        self.run_program(path, "beta", "studio-agent", "--port", port)
        self.expect_server_spans(path, port, ["/", "/missing"])

    def test_bazelisk(self):
        """Has only the client of net/http."""
        path = self.program("bazelisk")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
        server.RequestHandlerClass.log_message = lambda *_: None
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.cleanup.callback(thread.join)
        self.cleanup.callback(server.shutdown)
        self.cleanup.callback(server.server_close)
        base = f"http://127.0.0.1:{server.server_port}"
        self.start_daemon()
        self.attach(path)
        spans = self.subscribe()

        self.run_program(path, "version", BAZELISK_BASE_URL=base, USE_BAZEL_VERSION="7.0.0",
                         BAZELISK_HOME=str(self.directory / "bazelisk")).wait(timeout=60)

        span = harness.wait_until(spans, "a span")[0]
        self.assertEqual(span["kind"], "KIND_CLIENT")
        self.assertEqual(span["attributes"]["http.response.status_code"], 404)
        self.assertEqual(span["attributes"]["server.port"], server.server_port)
        self.assertIn("/7.0.0/bazel-7.0.0-linux-x86_64", span["attributes"]["url.full"])
        print("bazelisk", span["attributes"]["url.full"])


if __name__ == "__main__":
    unittest.main()
