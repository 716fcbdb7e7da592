"""Whose child a call is that another goroutine makes without the request's context.

Prints a table: of the calls of each scenario how many have the right parent, none, or a wrong one;
and what the options cost.
"""

import os
import re
import unittest

import harness

REQUESTS = int(os.environ.get("UPROBED_HANDOFF_REQUESTS", "1000"))
# With the options off nothing can be right: fewer show as much.
REQUESTS_WITHOUT = REQUESTS // 10
CONNECTIONS = int(os.environ.get("UPROBED_HANDOFF_CONNECTIONS", "200"))

# calls of each request
PROMISED = {
    "unbuffered": 1,
    "buffered": 1,
    "pool": 1,
    "async": 1,
    "select": 1,
    "pipeline": 2,
    "go": 1,
    "nested": 1,
    "late": 1,
    "group": 3,
    "waitgroup": 2,
    "afterfunc": 1,
    "stopped": 1,
    "ticker": 1,
    "semaphore": 1,
    "closed": 1,
}
# What comes together from several requests, or by no channel, stays without a parent.
UNKNOWN = {"buffers": 1, "lazy": 1, "mutex": 1}
# The request has been answered when the call is made.
LATE = ("async", "late")
OF_GOROUTINES = ("go", "nested", "late", "group", "waitgroup", "afterfunc", "stopped")

SITES = ("goroutine_start", "timer", "channel_send", "channel_receive")
LOSSES = ("map_full", "expired")


def minor_version(path):
    return int(re.search(r"go1\.(\d+)", path.name).group(1))


class Handoff(harness.E2eTest):

    def programs(self):
        """The oldest and the newest release, and one between them."""
        found = sorted((path for path in harness.hello_targets() if "-stripped" not in path.name),
                       key=minor_version)
        if not found:
            self.skipTest("no Go program to probe: run scripts/build_targets")
        chosen = {found[0], found[-1], *(p for p in found if minor_version(p) == 21)}
        return [harness.own(path) for path in sorted(chosen, key=minor_version)]

    def collect(self, calls, requests):
        """The client spans of the scenario, and the paths of all server spans."""
        def complete():
            spans = self.spans()[self.seen:]
            clients = [span for span in spans if span["kind"] == "KIND_CLIENT"]
            made = sum(span["attributes"]["url.path"] != "/answer/own" for span in clients)
            served = sum(span["kind"] == "KIND_SERVER"
                         and span["attributes"]["url.path"].startswith("/alone/") for span in spans)
            return (spans, clients) if served >= requests and made >= calls * requests else None

        spans, clients = harness.wait_until(complete, "the spans")
        self.seen += len(spans)
        self.paths.update({span["spanId"]: span["attributes"]["url.path"]
                           for span in spans if span["kind"] == "KIND_SERVER"})
        return clients

    def hits(self):
        """Of each of SITES."""
        found = dict(re.findall(r"uprobed_probe_hits_total\{probe=\"" + self.name
                                + r"\",site=\"(\w+)\"\} (\d+)", self.metrics()))
        return [int(found[site]) for site in SITES]

    def check(self, program, scenario, calls, requests, causality):
        before = self.hits()
        sent = self.load(program.url(f"/alone/{scenario}"), requests, CONNECTIONS,
                         "-paths", requests)
        self.assertEqual(sent["ok"], requests, sent)
        right = missing = wrong = 0
        sources = set()
        for span in self.collect(calls, requests):
            number = span["attributes"]["url.path"].removeprefix("/answer/")
            parent = (self.paths.get(span["parentSpanId"], "a span that is not there")
                      if span.get("parentSpanId") else None)
            truth = None if number == "own" else f"/alone/{scenario}/{number}"
            if parent == truth:
                right += 1
                sources.add(span["parentSource"].removeprefix("PARENT_SOURCE_") if truth else "")
            elif parent is None:
                missing += 1
            else:
                wrong += 1
        cost = [(now - then) / requests for now, then in zip(self.hits(), before)]
        print(f"{self.release:10} {causality or 'off':20} {scenario:12} {right:6} {missing:6} {wrong:6}  "
              + " ".join(f"{hits:5.1f}" for hits in cost), flush=True)
        self.assertEqual(wrong, 0, scenario)
        return missing, sources - {""}, cost

    def check_edges(self, path, scenario):
        """The calls are those of the function that served, though it had ended."""
        def count():
            return sum(int(edge["count"])
                       for edge in self.client("topology", "-o", "json").json()["edges"]
                       if edge["caller"] == path.name
                       and edge["calleeFunction"].startswith("/answer/")
                       and edge["callerFunction"].startswith(f"/alone/{scenario}/"))

        # A call whose caller or callee is not there yet is no edge yet.
        harness.wait_until(lambda: count() >= REQUESTS, f"the edges of {scenario}")
        self.assertEqual(count(), REQUESTS, scenario)

    def begin(self, path, causality):
        self.release = re.search(r"go1\.\d+\.\d+", path.name).group(0)
        self.name = f"handoff-{self.release}-{causality or 'off'}".replace(".", "-").replace(",", "-")
        self.attach(path, "--name", self.name, *(("--causality", causality) if causality else ()))
        # Collects garbage all the time, so that the memory of what is freed is soon used again.
        program = self.start_program(path, {"GOGC": "20"})
        self.spans = self.subscribe("--filter", "kind = client OR url.path : \"/alone/\"")
        self.seen = 0
        self.paths = {}
        return program

    def end(self, program):
        for cause in ("abandoned", "no_start", "read_fault", "ring_full", "map_full"):
            self.assertEqual(self.metric("uprobed_spans_lost_total", probe=self.name, cause=cause), 0)
        for cause in LOSSES:
            self.assertEqual(self.metric("uprobed_handoffs_lost_total", probe=self.name, cause=cause), 0)
        self.client("detach", self.name)
        # What was under way is forgotten soon after the answer.
        harness.wait_until(lambda: self.metric("uprobed_handoffs_in_flight") == 0,
                           "nothing in flight")
        program.stop()

    def print_head(self):
        print(f"\n{'release':10} {'causality':20} {'scenario':12} {'right':>6} {'miss.':>6} {'wrong':>6}  "
              "hits a request: " + ", ".join(SITES))

    def test_calls_without_a_context_belong_to_the_request_whose_work_was_handed_over(self):
        self.start_daemon()
        self.print_head()
        for path in self.programs():
            with self.subTest(program=path.name):
                program = self.begin(path, "goroutines,channels")
                for scenario, calls in PROMISED.items():
                    missing, sources, _ = self.check(program, scenario, calls, REQUESTS,
                                                     "goroutines,channels")
                    self.assertEqual(missing, 0, scenario)
                    by = "GOROUTINE_START" if scenario in OF_GOROUTINES else "CHANNEL"
                    self.assertEqual(sources, {by}, scenario)
                    if scenario in LATE:
                        self.check_edges(path, scenario)
                missing, sources, _ = self.check(program, "self", 1, REQUESTS_WITHOUT,
                                                 "goroutines,channels")
                self.assertEqual((missing, sources), (0, {"GOROUTINE"}))
                for scenario, calls in UNKNOWN.items():
                    self.check(program, scenario, calls, REQUESTS_WITHOUT, "goroutines,channels")
                self.end(program)

    def test_without_the_options_nothing_is_known_and_nothing_is_hit(self):
        self.start_daemon()
        self.print_head()
        for path in self.programs():
            with self.subTest(program=path.name):
                program = self.begin(path, "")
                for scenario, calls in {**PROMISED, **UNKNOWN}.items():
                    missing, _, cost = self.check(program, scenario, calls, REQUESTS_WITHOUT, "")
                    self.assertEqual(missing, calls * REQUESTS_WITHOUT, scenario)
                    self.assertEqual(cost, [0, 0, 0, 0])
                self.end(program)

    def test_each_option_finds_what_it_promises(self):
        self.start_daemon()
        self.print_head()
        path = self.programs()[-1]
        for causality in ("goroutines", "channels"):
            with self.subTest(causality=causality):
                program = self.begin(path, causality)
                for scenario, calls in PROMISED.items():
                    missing, _, _ = self.check(program, scenario, calls, REQUESTS_WITHOUT, causality)
                    if (scenario in OF_GOROUTINES) == (causality == "goroutines"):
                        self.assertEqual(missing, 0, scenario)
                    else:
                        self.assertEqual(missing, calls * REQUESTS_WITHOUT, scenario)
                self.end(program)


if __name__ == "__main__":
    unittest.main()
