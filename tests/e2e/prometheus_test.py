"""A real Prometheus scrapes the daemon and computes what the load generator counted."""

import json
import subprocess
import unittest
import urllib.parse
import urllib.request

import harness


class Prometheus(harness.E2eTest):

    def test_exposition_is_clean(self):
        promtool = harness.tool("promtool")
        if promtool is None:
            self.skipTest("promtool is not to be had (scripts/test_tools says why)")
        self.start_daemon()
        self.attach(harness.hello())
        program = self.start_program(harness.hello())
        self.load(program.url("/call"), 20)
        harness.wait_until(lambda: self.metric("uprobed_spans_total") == 60, "60 spans")
        checked = subprocess.run([promtool, "check", "metrics"], input=self.metrics(), text=True,
                                 capture_output=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def test_increase_equals_the_load_generators_count(self):
        binary = harness.tool("prometheus")
        if binary is None:
            self.skipTest("prometheus is not to be had (scripts/test_tools says why)")
        self.start_daemon()
        self.attach(harness.hello())
        program = self.start_program(harness.hello())
        # The series must be there before the scrape that the increase begins with.
        self.load(program.url("/hello"), 1)
        harness.wait_until(lambda: self.requests() == 1, "the first request")
        prometheus = self.start_prometheus(binary)
        query = "sum(http_server_request_duration_seconds_count)"
        harness.wait_until(lambda: self.ask(prometheus, query) == 1, "the first scrape")

        report = self.load(program.url("/hello"), 5000)
        self.assertEqual(report["ok"], 5000)

        harness.wait_until(lambda: self.ask(prometheus, query) == 5001, "the last scrape")
        # rate() extrapolates to the borders of its window, so it is taken back to a count by the
        # samples' own distance, which is what a rate is made of.
        matrix = self.matrix(prometheus, "http_server_request_duration_seconds_count[5m]")
        first, last = matrix[0], matrix[-1]
        rate = (float(last[1]) - float(first[1])) / (last[0] - first[0])
        self.assertAlmostEqual(rate * (last[0] - first[0]), 5000, places=3)
        self.assertEqual(self.ask(prometheus, f"{query} - 1"), report["requests"])
        rated = self.ask(prometheus, "sum(rate(http_server_request_duration_seconds_count[5m]))")
        print(f"\nload generator: {report['requests']} requests; Prometheus: {last[1]} - {first[1]}, "
              f"rate over 5m: {rated:.3f}/s")
        self.assertGreater(rated, 0)

    def requests(self):
        return self.metric("http_server_request_duration_seconds_count")

    def start_prometheus(self, binary):
        config = self.directory / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s}\n"
            "scrape_configs:\n"
            "- job_name: uprobed\n"
            f"  static_configs: [{{targets: ['127.0.0.1:{self.metrics_port}']}}]\n",
            encoding="utf-8")
        port = harness.free_port()
        with open(self.directory / "prometheus.log", "w", encoding="utf-8") as log:
            process = subprocess.Popen(
                [binary, f"--config.file={config}", f"--storage.tsdb.path={self.directory}/tsdb",
                 f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        self.cleanup.callback(harness.end, process)
        return f"http://127.0.0.1:{port}"

    def query(self, prometheus, expression):
        url = f"{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(url) as response:
                return json.load(response)["data"]["result"]
        except OSError:
            return []

    def ask(self, prometheus, expression):
        result = self.query(prometheus, expression)
        return float(result[0]["value"][1]) if result else None

    def matrix(self, prometheus, expression):
        return self.query(prometheus, expression)[0]["values"]


if __name__ == "__main__":
    unittest.main()
