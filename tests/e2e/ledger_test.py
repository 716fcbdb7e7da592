"""Every request is accounted for, while all that can lose one happens at once.

UPROBED_LEDGER_SECONDS says how long.
"""

import json
import os
import random
import shutil
import subprocess
import threading
import time
import unittest

import harness

SECONDS = float(os.environ.get("UPROBED_LEDGER_SECONDS", "20"))
SECONDS_UNTIL_REST = 7
SECONDS_BETWEEN_LOOKS = 0.11  # the ledger is looked at ten times a second at most
REQUESTS_AT_ONCE = 500
SUBSCRIBERS = 6
IMBALANCE = "uprobed_ledger_imbalance"
UNCERTAINTY = "uprobed_ledger_uncertainty"
LOST = "uprobed_spans_lost_total"
DURATION = "http_server_request_duration_seconds"
STARTS = ("server_start", "http2_server_start", "client_start", "grpc_server_start",
          "grpc_client_start", "server_refused")


def requests_counted(line, **labels):
    """Those of these labels in the exponential histograms of uprobectl's metrics as JSON, and what
    says that a series' two histograms differ."""
    total = 0
    differences = []
    for family in json.loads(line)["families"]:
        for metric in family["metrics"]:
            explicit, exponential = metric["histogram"], metric["exponentialHistogram"]
            in_buckets = int(exponential["zeroCount"]) + sum(map(int, exponential["bucketCounts"]))
            if (explicit["count"], explicit["sum"]) != (exponential["count"], exponential["sum"]) \
                    or in_buckets != int(explicit["count"]):
                differences.append(f"{family['name']} {metric}")
            if labels.items() <= metric["labels"].items():
                total += in_buckets
    return total, differences


def series(text, name):
    """The series of a family that are not 0."""
    return [line for line in text.splitlines()
            if line.partition("{")[0] == name and float(line.rsplit(" ", 1)[1]) != 0]


class Load:
    """Requests for one URL, until they are stopped in the middle."""

    def __init__(self, generator, url, *options):
        self.command = [generator, "-url", url, "-n", "0", "-c", "4", *options]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def stop(self):
        if self.process:
            harness.end(self.process, harness.signal.SIGKILL)
        self.process = None


class Ledger(harness.E2eTest):

    def setUp(self):
        super().setUp()
        self.random = random.Random(1)
        self.looks = self.exact_looks = self.sent = self.rests = self.compared = 0
        self.found = []
        self.ended = threading.Event()
        self.flows = threading.Event()
        self.idle = threading.Event()
        self.subscribers = []
        self.cleanup.callback(self.end_subscribers)

    def copy(self, name):
        """A program of its own: a probe sees every process of a file."""
        path = self.directory / name
        shutil.copy(harness.hello(), path)
        return path

    def look(self):
        text = self.metrics()
        self.looks += 1
        self.exact_looks += not series(text, UNCERTAINTY)
        self.found += series(text, IMBALANCE)
        return text

    def keep_looking(self):
        while not self.ended.is_set():
            self.look()
            self.ended.wait(SECONDS_BETWEEN_LOOKS)

    def keep_comparing(self):
        """Both histograms of each series, as a client sees them."""
        client = subprocess.Popen(
            [harness.CLIENT, "--address", f"unix:{self.socket}", "metrics", "--watch", "150ms", "-o",
             "json", "--prefix", DURATION], stdout=subprocess.PIPE, text=True)
        self.cleanup.callback(harness.end, client)

        def compare():
            for line in client.stdout:
                self.compared += 1
                self.found += requests_counted(line)[1]
        self.watched(compare)
        self.cleanup.callback(client.kill)  # which ends what is read

    def keep_sending(self):
        """Requests whose number is known."""
        while not self.ended.is_set():
            if not self.flows.wait(0.05):
                self.idle.set()
                continue
            self.idle.clear()
            report = self.load(self.steady.url("/hello"), REQUESTS_AT_ONCE)
            self.assertEqual(report["failed"], 0)
            self.sent += report["requests"]
        self.idle.set()

    def watched(self, work):
        """Runs `work` in a thread, whose failure is that of the test."""
        def run():
            try:
                work()
            except BaseException as error:  # pylint: disable=broad-except
                self.found.append(repr(error))
                raise
        thread = threading.Thread(target=run)
        thread.start()
        self.cleanup.callback(thread.join)
        self.cleanup.callback(self.ended.set)

    def end_subscribers(self):
        for process in self.subscribers:
            harness.end(process, harness.signal.SIGKILL)
        self.subscribers.clear()

    def subscriber_comes_or_goes(self):
        if len(self.subscribers) == SUBSCRIBERS:
            leaving = self.subscribers.pop(self.random.randrange(SUBSCRIBERS))
            harness.end(leaving, self.random.choice((harness.signal.SIGKILL, harness.signal.SIGINT)))
            return
        stalls = self.random.random() < 0.7  # nobody reads the pipe
        self.subscribers.append(subprocess.Popen(
            [harness.CLIENT, "--address", f"unix:{self.socket}", "spans", "-o", "json",
             "--queue-capacity", str(self.random.choice((10, 1000, 100000)))],
            stdout=subprocess.PIPE if stalls else subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def start_victim(self):
        self.victim = harness.Program(self.victim_path)
        self.to_victim = Load(self.generator, self.victim.url("/slow?ms=20"))
        self.to_victim.start()

    def kill_victim(self):
        """In the middle of its requests."""
        self.victim.stop()
        self.to_victim.stop()

    def stop_toggled(self):
        for load in self.to_toggled:
            load.stop()

    def toggle(self, enabled):
        self.client("probe", "enable" if enabled else "disable", "toggled")

    def check_at_rest(self):
        """The ledger is exact, and says what the counters say by themselves."""
        self.flows.clear()
        self.kill_victim()
        self.stop_toggled()
        self.toggle(True)
        self.assertTrue(self.idle.wait(harness.PATIENCE_SECONDS))

        def is_exact():
            text = self.look()
            time.sleep(SECONDS_BETWEEN_LOOKS)
            settled = harness.sum_of(text, "uprobed_requests_in_flight") == 0
            return settled and not series(text, UNCERTAINTY)
        # What a look says may be a tenth of a second old, so the first may be of before the rest; and
        # the counters of the same scrape are read a little apart from it, so those of a later one count.
        harness.wait_until(lambda: is_exact() and is_exact(), "two looks at rest are exact")
        text = self.look()
        self.assertEqual(series(text, IMBALANCE), [])
        self.rests += 1
        for probe in ("steady", "toggled", "victim"):
            def of(name, probe=probe, **labels):
                return harness.sum_of(text, name, probe=probe, **labels)
            begun = sum(of("uprobed_probe_hits_total", site=site) for site in STARTS) \
                - of("uprobed_probe_repeated_starts_total")
            lost = of(LOST) - of(LOST, cause="no_start")
            self.assertEqual(begun, of("uprobed_spans_total")
                             + of("uprobed_probe_spans_suppressed_total") + lost, probe)
        return text

    def test_every_request_is_accounted_for(self):
        self.start_daemon("--ring-bytes", "4096")
        self.generator = harness.own(harness.TARGETS / "loadgen")
        steady, toggled, self.victim_path = (self.copy(name) for name in ("steady", "toggled", "victim"))
        self.attach(steady, "--name", "steady")
        self.attach(toggled, "--name", "toggled", "--sample-ratio", "0.5", "--timing", "body",
                    "--only-while-streamed")
        self.attach(self.victim_path, "--name", "victim")
        self.steady = self.start_program(steady)
        program = self.start_program(toggled)
        # The slow ones outlast a detach, which takes the starts first.
        self.to_toggled = [Load(self.generator, program.url(path)) for path in ("/call", "/slow?ms=3000")]
        self.cleanup.callback(self.stop_toggled)
        self.start_victim()
        self.cleanup.callback(lambda: self.kill_victim())
        self.watched(self.keep_looking)
        self.keep_comparing()
        self.watched(self.keep_sending)

        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            self.flows.set()
            for load in self.to_toggled:
                load.start()
            rest = min(deadline, time.monotonic() + SECONDS_UNTIL_REST)
            enabled = True
            while time.monotonic() < rest:
                self.subscriber_comes_or_goes()
                enabled = not enabled
                self.toggle(enabled)
                if self.random.random() < 0.5:
                    self.kill_victim()
                    self.start_victim()
                time.sleep(self.random.uniform(0.1, 0.6))
            text = self.check_at_rest()
            self.start_victim()
            self.end_subscribers()
        self.ended.set()

        counted = harness.sum_of(text, f"{DURATION}_count", service_name="steady")
        in_buckets, differences = requests_counted(
            self.client("metrics", "-o", "json", "--prefix", DURATION).out, service_name="steady")
        losses = {cause: harness.sum_of(text, LOST, cause=cause)
                  for cause in ("ring_full", "process_exited", "detached")}
        dropped = harness.sum_of(text, "uprobed_stream_spans_dropped_total")
        print(f"\n{SECONDS:.0f} s, {self.rests} rests, {self.looks} looks, {self.exact_looks} of them exact; "
              f"{self.sent} requests sent, {counted:.0f} in the metrics, {self.compared} times compared; lost {json.dumps(losses)}, "
              f"{dropped:.0f} dropped by subscribers; found {self.found}")
        self.assertEqual(self.found, [])
        self.assertEqual(counted, self.sent)
        self.assertEqual((in_buckets, differences), (self.sent, []))
        self.assertGreater(self.compared, self.rests)
        for cause, lost in losses.items():
            self.assertGreater(lost, 0, cause)
        self.assertGreater(dropped, 0)
        for cause in ("sampled", "unstreamed"):
            self.assertGreater(harness.sum_of(text, "uprobed_probe_spans_suppressed_total", cause=cause), 0)


if __name__ == "__main__":
    unittest.main()
