"""Who calls whom, at the level of functions."""

import collections
import unittest

import harness

REQUESTS = 1000


class Topology(harness.E2eTest):

    def edges(self):
        """Requests by caller, its function, callee and its function."""
        counted = collections.Counter()
        for edge in self.client("topology", "-o", "json").json()["edges"]:
            key = tuple(edge[name] for name in ("caller", "callerFunction", "callee",
                                                "calleeFunction"))
            counted[key] += int(edge["count"])
        return counted

    def check(self, program):
        name = program.name.replace(".", "-")
        self.attach(program, "--name", name)
        running = self.start_program(program)
        spans = self.subscribe()
        self.load(running.url("/handle"), REQUESTS, REQUESTS)
        harness.wait_until(lambda: len(spans()) >= 3 * REQUESTS, f"{3 * REQUESTS} spans")

        wanted = {(program.name, "/handle", program.name, "/echo"): REQUESTS,
                  (program.name, "/echo", "none", "none"): REQUESTS}

        def own():
            return {key: count for key, count in self.edges().items() if key[0] == program.name}
        # An address becomes a service once the daemon has looked who listens there.
        harness.wait_until(lambda: own().keys() == wanted.keys(), "the name of the callee")
        self.assertEqual(own(), wanted)
        for key, count in own().items():
            print(f"{count:6} {list(key)}")
        running.stop()

    def test_a_service_that_calls_itself(self):
        programs = sorted(harness.TARGETS.glob("gin-go*"))
        if not programs:
            self.skipTest("no program with gin: run scripts/build_targets")
        self.start_daemon()
        for program in programs:
            with self.subTest(program=program.name):
                self.check(program)


if __name__ == "__main__":
    unittest.main()
