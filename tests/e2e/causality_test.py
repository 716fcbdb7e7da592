"""Whose child a call is that was handed to another goroutine.

Prints a table: of the calls of each scenario how many have the right parent, none, or a wrong one.
"""

import concurrent.futures
import json
import os
import re
import unittest

import harness

REQUESTS = int(os.environ.get("UPROBED_CAUSALITY_REQUESTS", "200"))
CONCURRENT = 32

# calls of each request; the first Go release that has it
HANDED_WITH_CONTEXT = {
    "goroutine": (1, 15),
    "worker": (1, 15),
    "pool": (1, 15),
    "select": (1, 15),
    "group": (2, 15),
    "afterfunc": (1, 15),
    "nested": (1, 15),
    "timeout": (1, 15),
    "foreign": (1, 15),
    "withoutcancel": (1, 21),
    "withcause": (1, 21),
}
# what leads back is not there, not to be understood, or of a request that has ended
WITHOUT_A_WAY_BACK = ("background", "impostor", "kept")

SOURCES = {True: "PARENT_SOURCE_CONTEXT", False: "PARENT_SOURCE_UNSPECIFIED"}


def minor_version(path):
    return int(re.search(r"go1\.(\d+)", path.name).group(1))


class Causality(harness.E2eTest):

    def programs(self):
        """The oldest and the newest release, and that whose timers embed their context by pointer."""
        found = sorted((path for path in harness.hello_targets() if "-stripped" not in path.name),
                       key=minor_version)
        if not found:
            self.skipTest("no Go program to probe: run scripts/build_targets")
        chosen = {found[0], found[-1], *(p for p in found if minor_version(p) == 20)}
        return [harness.own(path) for path in sorted(chosen, key=minor_version)]

    def ask(self, program, scenario):
        with concurrent.futures.ThreadPoolExecutor(CONCURRENT) as pool:
            paths = [f"/handoff/{scenario}/{number}" for number in range(REQUESTS)]
            self.assertEqual(set(pool.map(program.get, paths)), {200}, scenario)

    def families(self, scenario, calls):
        """The spans of the calls, each with the path of its parent, or None."""
        prefix = f"/handoff/{scenario}/"

        def collect():
            spans = self.spans()
            paths = {span["spanId"]: span["attributes"]["url.path"]
                     for span in spans if span["kind"] == "KIND_SERVER"}
            clients = [span for span in spans if span["kind"] == "KIND_CLIENT"][self.seen:]
            served = sum(path.startswith(prefix) for path in paths.values())
            if served < REQUESTS or len(clients) < calls * REQUESTS:
                return None
            return clients, paths

        clients, paths = harness.wait_until(collect, f"the spans of {scenario}")
        self.assertEqual(len(clients), calls * REQUESTS, scenario)
        self.seen += len(clients)
        return [(span, paths.get(span["parentSpanId"], "a span that is not there")
                 if span.get("parentSpanId") else None) for span in clients]

    def check(self, program, scenario, calls, has_parent):
        self.ask(program, scenario)
        right = missing = wrong = 0
        for span, parent in self.families(scenario, calls):
            number = span["attributes"]["url.path"].removeprefix("/answer/")
            if parent is None and has_parent:
                missing += 1
            elif parent == (f"/handoff/{scenario}/{number}" if has_parent else None):
                right += 1
                self.assertEqual(span["parentSource"], SOURCES[has_parent], scenario)
            else:
                wrong += 1
        print(f"{self.release:10} {scenario:14} {'parent' if has_parent else 'root':6} "
              f"{right:6} {missing:6} {wrong:6}")
        self.assertEqual((missing, wrong), (0, 0), scenario)

    def expect_nothing_left(self, probe):
        for cause in ("abandoned", "no_start", "read_fault", "ring_full", "map_full"):
            self.assertEqual(self.metric("uprobed_spans_lost_total", probe=probe, cause=cause), 0)
        self.assertEqual(self.metric("uprobed_requests_in_flight"), 0)
        self.assertEqual(self.metric("uprobed_request_contexts_in_flight"), 0)

    def check_cost(self, probe):
        """No site is hit for it that a call alone would not hit."""
        repeated = self.metric("uprobed_probe_repeated_starts_total", probe=probe)
        hits = [self.metric("uprobed_probe_hits_total", probe=probe, site=site)
                for site in ("client_start", "client_end")]
        print(f"{self.release:10} {self.seen} calls: hits {hits[0]:.0f} + {hits[1]:.0f}, "
              f"of which repeated {repeated:.0f}")
        self.assertEqual(hits, [self.seen + repeated, self.seen])

    def check_program(self, path, program):
        for scenario, (calls, since) in HANDED_WITH_CONTEXT.items():
            if minor_version(path) >= since:
                self.check(program, scenario, calls, True)
        self.assertEqual(program.get("/handoff/keep/0"), 200)
        for scenario in WITHOUT_A_WAY_BACK:
            self.check(program, scenario, 1, False)

    def test_calls_on_other_goroutines_belong_to_the_request_whose_context_they_have(self):
        self.start_daemon()
        print(f"\n{'release':10} {'scenario':14} {'truth':6} {'right':>6} {'miss.':>6} {'wrong':>6}")
        for path in self.programs():
            with self.subTest(program=path.name):
                self.release = re.search(r"go1\.\d+\.\d+", path.name).group(0)
                name = "causality-" + self.release.replace(".", "-")
                self.attach(path, "--name", name)
                # Collects garbage all the time, so that freed contexts are taken over soon.
                program = self.start_program(path, {"GOGC": "1"})
                self.spans = self.subscribe()
                self.seen = 0
                self.check_program(path, program)
                self.check_cost(name)
                self.expect_nothing_left(name)
                self.client("detach", name)
                program.stop()

    def test_so_they_do_where_the_request_is_of_http2(self):
        self.start_daemon()
        for path in self.programs():
            with self.subTest(program=path.name):
                name = "http2-" + re.search(r"go1\.\d+", path.name).group(0).replace(".", "-")
                self.attach(path, "--name", name)
                program = self.start_program(path, arguments=("-tls",))
                spans = self.subscribe()
                self.load(f"https://{program.address}/handoff/goroutine/0", REQUESTS, 8,
                          "-http2", "-insecure")
                # Each is served, and calls the program itself, which refuses what is no TLS.
                harness.wait_until(lambda: len(spans()) >= 3 * REQUESTS, "the spans")
                served = {span["spanId"] for span in spans()
                          if span["attributes"].get("url.path", "").startswith("/handoff/")}
                calls = [span for span in spans() if span["kind"] == "KIND_CLIENT"]
                self.assertEqual(len(served), REQUESTS)
                self.assertEqual({span["parentSpanId"] for span in calls}, served)
                self.assertEqual({span["parentSource"] for span in calls}, {SOURCES[True]})
                self.expect_nothing_left(name)
                self.client("detach", name)
                program.stop()

    def test_a_wrong_offset_of_the_context_makes_no_parent(self):
        self.start_daemon()
        path = self.programs()[-1]
        self.release = "wrong"
        name = self.client("profile", "resolve", path, "-o", "json").json()["profile"]["name"]
        exported = self.client("profile", "export", name, "-o", "json").json()
        fields = exported["profiles"][0]["fields"]
        field = fields["net/http.Request.ctx"]
        # Words of each, and words that are the same in all requests.
        offsets = (field["offset"] - 8, field["offset"] + 8,
                   fields["net/http.Request.ProtoMajor"]["offset"])
        for number, offset in enumerate(offsets):
            with self.subTest(offset=offset):
                self.client("profile", "delete", name)
                fields["net/http.Request.ctx"] = {"source": field["source"], "offset": offset}
                file = self.directory / "profile.json"
                file.write_text(json.dumps(exported), encoding="utf-8")
                self.client("profile", "import", file)
                self.attach(path, "--name", f"wrong-{number}")
                program = self.start_program(path)
                self.spans = self.subscribe()
                self.seen = 0
                self.check(program, "goroutine", 1, False)
                self.expect_nothing_left(f"wrong-{number}")
                self.client("detach", f"wrong-{number}")
                program.stop()


if __name__ == "__main__":
    unittest.main()
