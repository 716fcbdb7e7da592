"""When responses begin and end, compared with what the program itself says.

Prints a table: of the requests of each way to end a body how many ended how.
"""

import collections
import datetime
import unittest

import failures
import harness

REQUESTS = 10
# What the program's own clock readings may be away from the spans', where they are a pause apart.
SLACK_NS = 20_000_000


def nanoseconds(text):
    """Of a timestamp of protobuf's JSON."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc).timestamp()
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0") or 0)


class Timing(failures.FailuresTest):

    def expect_between(self, earliest, time, latest, what):
        self.assertLessEqual(earliest - SLACK_NS, time, what)
        self.assertLessEqual(time, latest + SLACK_NS, what)

    def check_server(self, span, told):
        if not told["writing_ns"]:
            return
        first = nanoseconds(span["firstByteTime"])
        self.expect_between(told["writing_ns"], first, told["written_ns"], told["path"])
        self.assertLess(first, nanoseconds(span["endTime"]), told["path"])

    def check_client(self, span, told):
        if not told["end"]:
            self.assertNotIn("firstByteTime", span)
            return
        first = nanoseconds(span["firstByteTime"])
        self.expect_between(told["writing_ns"], first, told["answered_ns"], told["path"])
        self.expect_between(told["ending_ns"], nanoseconds(span["endTime"]), told["ended_ns"],
                            told["path"])

    def of_kind(self, kind):
        return {span["attributes"]["url.path"]: span for span in self.spans()
                if span["kind"] == kind}

    def check(self, path):
        probe = path.name.replace(".", "-")
        self.attach(path, "--name", probe, "--timing", "first-byte,body")
        process = self.start(path)
        self.spans = self.subscribe()
        told = {outcome["path"]: outcome for outcome in self.ask(process, f"bodies {REQUESTS}")}
        self.assertEqual(len(told), 2 * 7 * REQUESTS)
        harness.wait_until(lambda: len(self.spans()) >= 2 * len(told), "the spans")
        clients, servers = self.of_kind("KIND_CLIENT"), self.of_kind("KIND_SERVER")
        self.assertEqual(len(self.spans()), 2 * len(told))
        ends = collections.Counter()
        wrong = []
        for target, outcome in sorted(told.items()):
            attributes = clients[target]["attributes"]
            end = attributes.get("error.type", attributes.get("uprobed.response.body.end", ""))
            name = "/".join(target.split("/")[2:4])
            ends[name, end] += 1
            if end != outcome["end"]:
                wrong.append((name, end, outcome["end"]))
            self.check_client(clients[target], outcome)
            self.check_server(servers[target], outcome)
        for (name, end), count in sorted(ends.items()):
            print(f"{path.name:27} {name:18} {count:4} {end or '-'}", flush=True)
        self.assertEqual(wrong, [])
        self.assertEqual(self.metric("uprobed_requests_in_flight"), 0)
        self.client("detach", probe)

    def test_what_nobody_consumes_is_forgotten_with_the_process(self):
        self.start_daemon()
        path = self.programs()[-1]
        self.attach(path, "--name", "left", "--timing", "body")
        process = self.start(path)
        self.ask(process, f"leave {REQUESTS}")
        harness.wait_until(lambda: self.metric("uprobed_requests_in_flight") == REQUESTS,
                           "the bodies in flight")
        for cause in ("abandoned", "no_start", "read_fault", "ring_full", "map_full"):
            self.assertEqual(self.metric("uprobed_spans_lost_total", probe="left", cause=cause), 0)
        process.stdin.close()
        process.wait()
        harness.wait_until(lambda: self.metric("uprobed_requests_in_flight") == 0,
                           "nothing in flight")

    def test_responses_begin_and_end_when_the_program_says(self):
        self.start_daemon()
        for path in self.programs():
            with self.subTest(program=path.name):
                self.check(path)


if __name__ == "__main__":
    unittest.main()
