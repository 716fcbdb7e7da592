"""Requests made over HTTP/2 through net/http.Transport: the load generator is the program probed."""

import subprocess
import unittest

import harness

REQUESTS = 50


class Http2Client(harness.E2eTest):

    def start_tls_program(self):
        process = subprocess.Popen([harness.hello(), "-addr", "127.0.0.1:0", "-tls"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.cleanup.callback(harness.end, process)
        return process.stdout.readline().strip().removeprefix("listening on ")

    def test_each_request_is_one_span(self):
        if not (harness.TARGETS / "loadgen").exists():
            self.skipTest("no Go program to probe: run scripts/build_targets")
        client = harness.own(harness.TARGETS / "loadgen")
        self.start_daemon()
        self.attach(client, "--name", "client")
        url = f"https://{self.start_tls_program()}/status/404"
        spans = self.subscribe()
        self.load(url, REQUESTS, 4, "-http2", "-insecure")

        harness.wait_until(lambda: len(spans()) >= REQUESTS, f"{REQUESTS} spans")
        seen = [(span["kind"], span["attributes"]["network.protocol.version"],
                 span["attributes"]["http.response.status_code"],
                 span["attributes"]["url.full"]) for span in spans()]
        self.assertEqual(seen, [("KIND_CLIENT", "2", 404, url)] * REQUESTS)
        self.assertEqual(self.metric("uprobed_spans_lost_total"), 0)


if __name__ == "__main__":
    unittest.main()
