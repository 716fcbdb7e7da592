"""A probe keeps to its budget of overhead by itself: it does less under load, and all again after it."""

import signal
import subprocess
import time
import unittest

import harness

REQUESTS = "http_server_request_duration_seconds_count"
SUPPRESSED = "uprobed_probe_spans_suppressed_total"
LEVELS = ("none", "sampled", "metrics_only", "suspended")
LOAD_SECONDS = 15
# More than any machine may take, so that a failure says something.
PATIENCE_SECONDS = 90


def conditions(status):
    """What is said of a probe by type: "TRUE SITES_ATTACHED"."""
    return {condition["type"]: condition["status"].removeprefix("STATUS_") + " " + condition["reason"]
            for condition in status["conditions"]}


class Overhead(harness.E2eTest):

    def begin(self, *options):
        self.start_daemon()
        self.attach(harness.hello(), "--name", "web", *options)
        self.program = self.start_program(harness.hello())

    def start_load(self, *options):
        process = subprocess.Popen(
            [harness.own(harness.TARGETS / "loadgen"), "-url", self.program.url("/hello"), "-n", "0",
             "-c", "4", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.cleanup.callback(harness.end, process, signal.SIGKILL)
        return process

    def level(self):
        return LEVELS[int(self.metric("uprobed_probe_throttle_level", probe="web"))]

    def changes(self, to):
        return self.metric("uprobed_probe_throttle_changes_total", probe="web", to=to)

    def wait_for_level(self, level, begin):
        """When the level was seen; levels that are passed between two looks are counted all the same."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.changes(level) == 0:
            self.assertLess(time.monotonic(), deadline, f"{level}: {self.daemon_log()}")
            time.sleep(0.05)
        reached = time.monotonic() - begin
        print(f"  {reached:5.1f} s  {level}, {100 * self.metric('uprobed_probe_overhead_ratio'):.2f} % of one CPU")
        return reached

    def settled_counts(self):
        """(requests in the metrics, spans, suppressed, lost) once nothing more comes."""
        def look():
            text = self.metrics()
            return [harness.sum_of(text, name) for name in (
                REQUESTS, "uprobed_spans_total", SUPPRESSED, "uprobed_spans_lost_total")]
        def settled():
            before = look()
            time.sleep(0.3)
            return before if before == look() else None
        return harness.wait_until(settled, "the metrics are at rest")

    def test_a_probe_under_full_load_steps_down_and_comes_back(self):
        self.begin("--max-overhead", "1%")
        self.assertEqual(self.probe("web")["spec"]["maxOverhead"], 0.01)
        self.assertEqual(self.metric("uprobed_probe_max_overhead_ratio"), 0.01)
        self.assertEqual(self.level(), "none")

        print(f"\nfull load for {LOAD_SECONDS} s, a budget of 1 %:")
        begin = time.monotonic()
        load = self.start_load()
        for level in LEVELS[1:]:
            self.wait_for_level(level, begin)
            # While the load still runs.
            self.assertIsNone(load.poll())
            self.assertLess(time.monotonic() - begin, LOAD_SECONDS)
        suspended = self.probe("web")
        self.assertEqual(suspended["status"]["state"], "STATE_SUSPENDED")
        self.assertEqual(suspended["status"]["throttleLevel"], "THROTTLE_LEVEL_SUSPENDED")
        self.assertEqual(suspended["status"]["error"]["reason"], "OVERHEAD_BUDGET_EXCEEDED")
        self.assertEqual(suspended["status"].get("attachedSites", 0), 0)
        self.assertEqual(conditions(suspended["status"]),
                         {"Attached": "FALSE OVERHEAD_BUDGET_EXCEEDED", "Complete": "UNKNOWN NOT_ATTACHED",
                          "FieldsConsistent": "UNKNOWN NOT_ATTACHED",
                          "WithinBudget": "FALSE OVERHEAD_BUDGET_EXCEEDED"})
        self.assertEqual(self.metric("uprobed_probe_condition", condition="WithinBudget"), 0)
        # It still says which processes it is for.
        self.assertEqual(suspended["status"]["pids"], [self.program.process.pid])
        described = self.client("probe", "describe", "web").out
        for part in ("SUSPENDED", "of 1%, suspended", "OVERHEAD_BUDGET_EXCEEDED", "tried again after"):
            self.assertIn(part, described)
        self.assertIn("of 1%, suspended", self.client("probes").out)
        self.assertEqual(self.metric("uprobed_probe_state", state="suspended"), 1)

        # Nothing is hit while it is suspended.
        hits = self.metric("uprobed_probe_hits_total")
        time.sleep(1)
        if self.changes("metrics_only") == 1:  # not tried meanwhile
            self.assertEqual(self.metric("uprobed_probe_hits_total"), hits)
        time.sleep(max(0, begin + LOAD_SECONDS - time.monotonic()))
        harness.end(load, signal.SIGKILL)
        requests, spans, suppressed, lost = self.settled_counts()
        # Ends go live before starts, so that each trial under load sees ends alone.
        alone = self.metric("uprobed_spans_lost_total", cause="no_start")
        print(f"  {requests:.0f} requests in the metrics, {spans:.0f} spans, {suppressed:.0f} suppressed, "
              f"{lost:.0f} lost ({alone:.0f} no_start)")
        self.assertGreater(self.metric(SUPPRESSED, cause="budget"), 0)
        self.assertEqual(self.metric(SUPPRESSED), self.metric(SUPPRESSED, cause="budget"))

        begin = time.monotonic()
        print("after the load:")
        self.wait_for_level("none", begin)
        active = self.probe("web")["status"]
        self.assertEqual(active["state"], "STATE_ACTIVE")
        self.assertNotIn("error", active)
        self.assertEqual(conditions(active),
                         {"Attached": "TRUE SITES_ATTACHED", "Complete": "TRUE NOTHING_MISSING",
                          "FieldsConsistent": "TRUE NO_FIELD_REFUTED", "WithinBudget": "TRUE NOTHING_LEFT_OUT"})
        self.assertEqual(self.metric("uprobed_probe_condition", condition="WithinBudget"), 1)
        before = self.metric("uprobed_spans_total")
        self.load(self.program.url("/hello"), 20)
        harness.wait_until(lambda: self.metric("uprobed_spans_total") == before + 20, "spans again")

    def test_metrics_are_complete_where_spans_are_not(self):
        # So little that a light load is above it, and so much that it is never suspended for it: the
        # cost of a hit is this machine's.
        self.begin("--max-overhead", "unlimited")
        load = self.start_load("-interval", "5ms")
        harness.wait_until(lambda: self.metric("uprobed_probe_overhead_ratio") > 0, "it is measured")
        time.sleep(2)
        ratio = self.metric("uprobed_probe_overhead_ratio")
        harness.end(load, signal.SIGKILL)
        self.settled_counts()
        # At half of what it costs it is sampled at least; what it is suspended by is a race.
        self.client("probe", "update", "web", "--max-overhead", f"{ratio * 0.5:.6f}")
        load = self.start_load("-interval", "5ms")
        begin = time.monotonic()
        self.wait_for_level("sampled", begin)
        self.assertIn(self.probe("web")["status"]["state"], ("STATE_DEGRADED", "STATE_SUSPENDED"))
        self.wait_for_level("metrics_only", begin)
        harness.end(load, signal.SIGKILL)
        requests, spans, suppressed, lost = self.settled_counts()
        print(f"  {requests:.0f} requests in the metrics = {spans:.0f} spans + {suppressed:.0f} suppressed")
        self.assertEqual(lost, 0)
        self.assertGreater(self.metric(SUPPRESSED, cause="budget"), 0)
        self.assertEqual(requests, spans + suppressed)

    def test_no_limit_is_none(self):
        self.begin("--max-overhead", "unlimited")
        load = self.start_load()
        harness.wait_until(lambda: self.metric("uprobed_probe_overhead_ratio") > 0.01, "it is costly")
        time.sleep(3)
        self.assertEqual(self.level(), "none")
        harness.end(load, signal.SIGKILL)
        self.assertEqual(self.metric(SUPPRESSED), 0)
        refused = self.run_client("probe", "update", "web", "--max-overhead", "-1")
        self.assertEqual(refused.reason, "MAX_OVERHEAD_INVALID", refused.err)

    def test_the_budget_survives_a_restart(self):
        self.begin("--max-overhead", "2.5%")
        self.stop_daemon()
        self.start_daemon()
        self.assertEqual(self.probe("web")["spec"]["maxOverhead"], 0.025)
        self.client("probe", "update", "web", "--max-overhead", "unlimited")
        self.assertEqual(self.probe("web")["spec"]["maxOverhead"], 0)
        self.assertEqual(self.metric("uprobed_probe_max_overhead_ratio"), 0)


if __name__ == "__main__":
    unittest.main()
