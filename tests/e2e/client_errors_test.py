"""What a client's requests failed of, compared with what the program itself says.

Prints a table: of the requests of each scenario how many ended in which error.
"""

import collections
import unittest

import failures
import harness

REQUESTS = 10
SCENARIOS = 15


class ClientErrors(failures.FailuresTest):

    def told(self, process):
        """By scenario, what the program says of its requests, with how often."""
        outcomes = collections.Counter()
        for outcome in self.ask(process, REQUESTS):
            outcomes["/" + outcome["scenario"], outcome["error_type"] or None,
                     outcome["status"] or None] += 1
        return outcomes

    def seen(self):
        """The same of the spans."""
        outcomes = collections.Counter()
        for span in self.spans():
            attributes = span["attributes"]
            self.assertEqual(span["kind"], "KIND_CLIENT")
            outcomes[attributes["url.path"], attributes.get("error.type"),
                     attributes.get("http.response.status_code")] += 1
        return outcomes

    def check(self, path):
        probe = path.name.replace(".", "-")
        self.attach(path, "--name", probe)
        process = self.start(path)
        self.spans = self.subscribe()
        wanted = self.told(process)
        total = SCENARIOS * REQUESTS
        self.assertEqual(sum(wanted.values()), total)
        harness.wait_until(lambda: sum(self.seen().values()) >= total, "the spans")
        seen = self.seen()
        for (scenario, error, status), count in sorted(seen.items(), key=str):
            print(f"{path.name:27} {scenario:18} {count:4} {status or '-'!s:4} {error or '-'}")
        self.assertEqual(seen, wanted)
        for cause in ("abandoned", "no_start", "read_fault", "ring_full", "map_full"):
            self.assertEqual(self.metric("uprobed_spans_lost_total", probe=probe, cause=cause), 0)
        self.assertEqual(self.metric("uprobed_requests_in_flight"), 0)
        self.client("detach", probe)

    def test_spans_say_what_the_program_says(self):
        self.start_daemon()
        for path in self.programs():
            with self.subTest(program=path.name):
                self.check(path)


if __name__ == "__main__":
    unittest.main()
