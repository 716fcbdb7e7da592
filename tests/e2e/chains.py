"""Chains of services that call each other, and how many of their requests have the right parent.

Each request and those made for it have a path of their own, so that each join can be checked.
"""

import collections
import json
import os
import re
import shutil
import subprocess

import harness

REQUESTS = int(os.environ.get("UPROBED_CHAIN_REQUESTS", "2000"))
CONCURRENT = 32
CALLERS = {"b": "a", "c": "b"}
BY_CONNECTION = "PARENT_SOURCE_CONNECTION"
BY_HEADER = "PARENT_SOURCE_TRACEPARENT"


def service_of(span):
    return span["resource"]["service.name"]


def path_of(span):
    return span["attributes"]["url.path"]


class Family:
    """The spans of one scenario, each found by what it is of."""

    def __init__(self, spans):
        self.spans = spans
        self.by_id = {span["spanId"]: span for span in spans}
        self.clients = {(service_of(span), path_of(span)): span
                        for span in spans if span["kind"] == "KIND_CLIENT"}

    def served_by(self, service):
        return [span for span in self.spans
                if span["kind"] == "KIND_SERVER" and service_of(span) == service]

    def root_of(self, span):
        while span.get("parentSpanId"):
            parent = self.by_id.get(span["parentSpanId"])
            if parent is None or parent["traceId"] != span["traceId"]:
                return None
            span = parent
        return span


class ChainTest(harness.E2eTest):

    # Connections of HTTP/2 that were taken over from HTTP/1, whose preface is a request to that, which
    # ends when they do.
    prefaces = 0

    def programs(self):
        """The program by the oldest and by the newest release."""
        found = sorted(harness.TARGETS.glob("chain-go*"),
                       key=lambda path: int(re.search(r"go1\.(\d+)", path.name).group(1)))
        if not found:
            self.skipTest("no Go program to probe: run scripts/build_targets")
        return sorted({found[0], found[-1]})

    def begin(self, **programs):
        """A daemon, and a copy of a program for each service: a probe is of a file."""
        self.files = {}
        for service, program in programs.items():
            self.files[service] = self.directory / service
            shutil.copy(program, self.files[service])
        self.start_daemon()

    def probe_all(self, *options, services="abc"):
        for service in services:
            self.attach(self.files[service], "--name", service, *options)

    def run_chain(self, services, *options, secure=False, listen=("127.0.0.1",), call=("127.0.0.1",)):
        """Starts the services, the last first; the URL of the first. They take turns with the
        addresses that they listen on and are called at."""
        url = ""
        for number, service in enumerate(reversed(services)):
            tls = ["-tls"] if secure and service != services[0] else []
            program = self.start_program(self.files[service], arguments=[
                "-addr", listen[number % len(listen)] + ":0", "-next", url, *tls, *options])
            port = program.address.rpartition(":")[2]
            url = f"{'https' if tls else 'http'}://{call[number % len(call)]}:{port}"
        return url

    def drive(self, url, treatment, total, first=0, traceparent=""):
        """Sends requests from a process that is not probed; how many had which status."""
        completed = subprocess.run(
            [self.programs()[-1], "-drive", f"{url}/{treatment}", "-n", str(total), "-c",
             str(CONCURRENT), "-first", str(first), "-traceparent", traceparent],
            capture_output=True, text=True, timeout=120, check=True)
        counts = json.loads(completed.stdout)
        self.assertEqual(counts.pop("errors"), 0, treatment)
        return counts

    def collect(self, spans, delivered_before):
        """All spans, once every request has ended and its span has come."""
        def begun():
            return sum(self.metric("uprobed_probe_hits_total", site=site)
                       for site in ("server_start", "http2_server_start", "client_start")) \
                - self.metric("uprobed_probe_repeated_starts_total") \
                - self.metric("uprobed_probe_out_of_scope_hits_total")

        def complete():
            delivered = self.metric("uprobed_spans_total")
            in_flight = self.metric("uprobed_requests_in_flight")
            if in_flight != self.prefaces or delivered + in_flight != begun():
                return None
            found = spans()
            return found if len(found) == delivered - delivered_before > 0 else None
        return Family(harness.wait_until(complete, "the spans"))

    def observe(self, action):
        """The spans of what `action` sends."""
        before = self.metric("uprobed_spans_total")
        spans = self.subscribe()
        action()
        return self.collect(spans, before)

    def count_joins(self, family, callers, source=BY_CONNECTION):
        counted = collections.Counter()
        for service, caller in callers.items():
            for span in family.served_by(service):
                parent = family.by_id.get(span.get("parentSpanId", ""))
                client = family.clients.get((caller, path_of(span)))
                if not span.get("parentSpanId"):
                    # Nobody can know for whom it is served if that one has gone before it began.
                    gone = client is not None and "error.type" in client["attributes"]
                    counted["gone" if gone else "missing"] += 1
                elif (parent is client and parent["traceId"] == span["traceId"]
                      and span["parentSource"] == source and path_of(
                          family.root_of(span) or {"attributes": {"url.path": ""}}) == path_of(span)):
                    counted["right"] += 1
                else:
                    counted["wrong"] += 1
        return counted

    def report(self, scenario, counted):
        print(f"{self.release:16} {scenario:24} {counted['right']:6} {counted['gone']:6} "
              f"{counted['missing']:6} {counted['wrong']:6}")
        self.assertEqual((counted["missing"], counted["wrong"]), (0, 0), scenario)

    def check(self, scenario, treatment, total, *options, secure=False, complete=True, served=True):
        url = self.run_chain("abc", *options, secure=secure)
        statuses = {}
        family = self.observe(lambda: statuses.update(self.drive(url, treatment, total)))
        counted = self.count_joins(family, CALLERS)
        self.report(scenario, counted)
        if served:
            self.assertGreater(counted["right"], 0, scenario)
        if complete:
            self.assertEqual(statuses, {"200": total})
            self.assertGreaterEqual(counted["right"], 2 * total)
            self.assertEqual(len({span["traceId"] for span in family.spans}), total)
        return family

    def check_drops(self, family):
        dropped = sum(span["attributes"].get("http.response.status_code") is None
                      for span in family.served_by("c"))
        self.assertGreater(dropped, 0, "no request was tried again")

    def expect_nothing_left(self):
        for cause in ("abandoned", "no_start", "read_fault", "ring_full", "map_full"):
            self.assertEqual(self.metric("uprobed_spans_lost_total", cause=cause), 0, cause)
        self.assertEqual(self.metric("uprobed_requests_in_flight"), self.prefaces)
        self.assertEqual(self.metric("uprobed_outgoing_connections_in_flight"), 0)

    def end_everything(self):
        self.cleanup.close()
        self.setUp()
