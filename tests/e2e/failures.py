"""The program of tests/targets/failures, which says itself how its requests end."""

import json
import re
import subprocess

import harness


class FailuresTest(harness.E2eTest):

    def programs(self):
        found = [harness.own(path) for path in sorted(
            harness.TARGETS.glob("failures-go*"),
            key=lambda path: (int(re.search(r"go1\.(\d+)", path.name).group(1)), path.name))]
        if not found:
            self.skipTest("no Go program to probe: run scripts/build_targets")
        return found

    def start(self, path):
        process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        self.cleanup.callback(process.stdin.close)
        self.cleanup.callback(harness.end, process)
        return process

    def ask(self, process, what):
        """What the program says of each of the requests that it makes."""
        process.stdin.write(f"{what}\n")
        process.stdin.flush()
        outcomes = []
        for line in iter(process.stdout.readline, "\n"):
            self.assertTrue(line, "the program ended")
            outcomes.append(json.loads(line))
        return outcomes
