"""The function that serves a request, told by code.function.name and in the topology."""

import collections
import subprocess
import unittest

import harness

REQUESTS = 250
FUNCTIONS = {
    "/function": "main.serveFunction",
    "/method": "main.(*service).serveMethod",
    "/closure": "main.closure.func1",
    "/value": "main.(*value).ServeHTTP",
    "/pointer": "main.(*pointer).ServeHTTP",
    "/inner/leaf": "main.serveLeaf",
    "/prefix/stripped": "main.serveStripped",
    "/missing": "net/http.NotFound",
}
# Each ServeMux is a hit, and these two come to two of them.
HITS = {path: 4 if path in ("/inner/leaf", "/prefix/stripped") else 3 for path in FUNCTIONS}
ROUTERS = {"gin": "main.answer", "echo": "main.answer", "gorilla": "main.answer",
           "chi": r"github.com/go-chi/chi(/v5)?.\(\*Mux\).ServeHTTP"}


class HandlerFunction(harness.E2eTest):

    def start(self, program):
        process = subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   text=True)
        self.cleanup.callback(harness.end, process)
        return process.stdout.readline().strip().rsplit(" ", 1)[-1]

    def hits(self, probe):
        return self.metric("uprobed_probe_hits_total", probe=probe)

    def load_at_once(self, address, paths):
        generators = [subprocess.Popen(
            [harness.TARGETS / "loadgen", "-url", f"http://{address}{path}", "-n", str(REQUESTS),
             "-c", "8"], stdout=subprocess.DEVNULL) for path in paths]
        for generator in generators:
            self.cleanup.callback(harness.end, generator)
        for generator in generators:
            generator.wait(timeout=60)

    def edges(self, service):
        counted = collections.Counter()
        for edge in self.client("topology", "--service", service, "-o", "json").json()["edges"]:
            counted[edge["caller"], edge["callee"], edge["calleeFunction"]] += int(edge["count"])
        return counted

    def check(self, program):
        name = program.name.replace(".", "-")
        probe = self.attach(program, "--name", name, "--handler-function")
        self.assertEqual(probe["status"]["state"], "STATE_ACTIVE", probe)
        self.assertEqual(int(probe["status"].get("singleSteppedSites", 0)), 0)
        address = self.start(program)
        spans = self.subscribe("--filter", "kind = server")
        before = self.hits(name)
        self.load_at_once(address, FUNCTIONS)
        wanted = len(FUNCTIONS) * REQUESTS
        harness.wait_until(lambda: len(spans()) >= wanted, f"{wanted} spans")

        seen = collections.Counter()
        for span in spans():
            attributes = span["attributes"]
            seen[attributes["url.path"], attributes.get("code.function.name")] += 1
        self.assertEqual(seen, {item: REQUESTS for item in FUNCTIONS.items()})
        hits = (self.hits(name) - before) / wanted
        print(f"{program.name:32} {wanted} requests at once, each with its function; "
              f"{hits:.3f} hits for each")
        expected = sum(HITS.values()) / len(HITS)
        self.assertGreaterEqual(hits, expected)
        self.assertLessEqual(hits, expected + 0.05)
        wanted_edges = {("outside", program.name, function): REQUESTS
                        for function in FUNCTIONS.values()}
        harness.wait_until(
            lambda: wanted_edges.items() <= self.edges(program.name).items(), "the edges")
        self.client("detach", name)

    def test_each_path_has_its_own(self):
        # Of each release: tests/kernel/handler_function_test.cc.
        programs = [harness.own(path) for path in sorted(harness.TARGETS.glob("handlers-go*-pie"))]
        self.assertTrue(programs, "run scripts/build_targets")
        self.start_daemon()
        for program in programs:
            with self.subTest(program=program.name):
                self.check(program)

    def test_routers_tell_theirs(self):
        # That have their names from the function table alone.
        routers = [sorted(harness.TARGETS.glob(f"routes-{router}-*-stripped"))[-1:] for router in ROUTERS]
        routers = [harness.own(path) for found in routers for path in found]
        if not routers:
            self.skipTest("no routers: run scripts/build_targets")
        self.start_daemon()
        for router in routers:
            with self.subTest(router=router.name):
                name = router.name.replace(".", "-")
                self.attach(router, "--name", name, "--handler-function", "--framework-routes")
                address = self.start(router)
                spans = self.subscribe("--filter", "kind = server")
                before = self.hits(name)
                self.load_at_once(address, ["/about"])
                harness.wait_until(lambda: len(spans()) >= REQUESTS, "the spans")
                functions = {span["attributes"].get("code.function.name") for span in spans()}
                hits = (self.hits(name) - before) / REQUESTS
                print(f"{router.name:32} {' '.join(map(str, functions)):50} {hits:.3f} hits for each")
                self.assertEqual(len(functions), 1)
                self.assertRegex(functions.pop(), f"^{ROUTERS[router.name.split('-')[1]]}$")
                self.assertLessEqual(hits, 3.05)
                self.client("detach", name)


if __name__ == "__main__":
    unittest.main()
