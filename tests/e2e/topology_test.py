"""Who calls whom, at the level of functions."""

import collections
import json
import re
import subprocess
import unittest

import harness

REQUESTS = 1000
NAMES = ("caller", "callerFunction", "callee", "calleeFunction")


def key_of(edge):
    return tuple(edge[name] for name in NAMES)


class Topology(harness.E2eTest):

    def edges(self, service=""):
        """Requests by caller, its function, callee and its function."""
        counted = collections.Counter()
        for edge in self.client("topology", "--service", service, "-o", "json").json()["edges"]:
            counted[key_of(edge)] += int(edge["count"])
        return dict(counted)

    def await_edges(self, service, wanted):
        """An address becomes a service once the daemon has looked who listens there, and a caller is
        outside once nobody has claimed its request."""
        try:
            harness.wait_until(lambda: self.edges(service) == wanted, "the edges")
        finally:
            for key, count in sorted(self.edges(service).items()):
                print(f"{count:6} {list(key)}")

    def check(self, program):
        name = program.name.replace(".", "-")
        self.attach(program, "--name", name)
        running = self.start_program(program)
        spans = self.subscribe()
        self.load(running.url("/handle"), REQUESTS, REQUESTS)
        harness.wait_until(lambda: len(spans()) >= 3 * REQUESTS, f"{3 * REQUESTS} spans")

        self.await_edges(program.name, {
            ("outside", "none", program.name, "/handle"): REQUESTS,
            (program.name, "/handle", program.name, "/echo"): REQUESTS,
            (program.name, "/echo", "none", "none"): REQUESTS})
        running.stop()

    def gin_programs(self):
        programs = [harness.own(path) for path in sorted(harness.TARGETS.glob("gin-go*"))]
        if not programs:
            self.skipTest("no program with gin: run scripts/build_targets")
        return programs

    def test_a_service_that_calls_itself(self):
        programs = self.gin_programs()
        self.start_daemon()
        for program in programs:
            with self.subTest(program=program.name):
                self.check(program)

    def test_requests_from_inside_and_outside_for_one_function(self):
        program = self.gin_programs()[-1]
        self.start_daemon()
        self.attach(program)
        running = self.start_program(program)
        spans = self.subscribe()
        outside = subprocess.Popen(
            [harness.TARGETS / "loadgen", "-url", running.url("/echo"), "-n", str(REQUESTS), "-c",
             "16"], stdout=subprocess.DEVNULL)
        self.cleanup.callback(harness.end, outside)
        self.load(running.url("/handle"), REQUESTS, 16)
        self.assertEqual(outside.wait(timeout=60), 0)
        harness.wait_until(lambda: len(spans()) >= 4 * REQUESTS, f"{4 * REQUESTS} spans")

        self.await_edges(program.name, {
            ("outside", "none", program.name, "/echo"): REQUESTS,
            ("outside", "none", program.name, "/handle"): REQUESTS,
            (program.name, "/handle", program.name, "/echo"): REQUESTS,
            (program.name, "/echo", "none", "none"): 2 * REQUESTS})

    def test_an_edge_that_is_not_seen_is_dropped_and_told(self):
        self.start_daemon("--topology-window-seconds", "1")
        self.attach(harness.hello())
        program = self.start_program(harness.hello())
        watch = self.watch()
        program.get("/hello")
        name = harness.hello().name
        leaf = (name, "/hello", "none", "none")
        outside = ("outside", "none", name, "/hello")
        # The one is gone before it is known that the other is there.
        harness.wait_until(lambda: all(("removed", key) in watch() for key in (leaf, outside)),
                           "both are gone")
        self.assertEqual(watch(), [("added", leaf), ("removed", leaf), ("added", outside),
                                   ("removed", outside)])
        self.assertEqual(self.edges(), {})
        self.assertEqual(self.metric("uprobed_topology_edges_dropped_total"), 2)
        harness.wait_until(lambda: "uprobed_edge_requests_total{" not in self.metrics(),
                           "the series are gone")

    def test_edges_beyond_the_bound_are_counted_together(self):
        self.start_daemon("--topology-max-edges", "1")
        self.attach(harness.hello())
        program = self.start_program(harness.hello())
        for path in ("/hello", "/other", "/another"):
            program.get(path)
        harness.wait_until(lambda: self.edges("_other"), "the overflow edge")
        result = harness.wait_until(lambda: self.overflowed_table(), "two requests on it")
        self.assertRegex(result.err, "warning: .* too many edges")

    def overflowed_table(self):
        result = self.client("topology")
        return result if re.search(r"^_other +_other +_other +_other", result.out, re.M) else None

    def watch(self):
        """Begins to watch; call the result for what was added and removed, in order."""
        path = self.directory / "watch.jsonl"
        with open(path, "w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [harness.CLIENT, "--address", f"unix:{self.socket}", "topology", "--watch", "-o",
                 "json"], stdout=output)
        self.cleanup.callback(harness.end, process, harness.signal.SIGINT)
        harness.wait_until(lambda: path.read_text(encoding="utf-8").count("\n"), "the snapshot")

        def told():
            text = path.read_text(encoding="utf-8")
            return [(what, key_of(edge)) for line in text[:text.rfind("\n") + 1].splitlines()
                    for what in ("removed", "added") for edge in json.loads(line)[what]]
        return told


class Shop(harness.E2eTest):
    """Two services, in every form that the topology is told in."""

    def setUp(self):
        super().setUp()
        if not (harness.TARGETS / "shop").exists():
            self.skipTest("no demo shop: run scripts/build_targets demo")
        self.start_daemon()
        programs = [harness.own(harness.TARGETS / name) for name in ("stock", "shop")]
        for program in programs:
            self.attach(program)
        stock = self.start_program(programs[0])
        shop = self.start_program(programs[1], arguments=("-stock", f"http://{stock.address}"))
        url = shop.url("/checkout?item=tea")
        # What is called must be known by its name before anything is counted.
        self.load(url, 1, 1, "-method", "POST")
        harness.wait_until(lambda: re.search("(?m)^shop +/checkout +stock +/reserve ",
                                             self.client("topology").out), "shop calls stock")
        harness.wait_until(lambda: self.metric("uprobed_edge_requests_total", caller="outside") == 1,
                           "the first request is from outside")
        self.before = self.metrics()
        self.load(url, 20, 4, "-method", "POST")
        harness.wait_until(lambda: self.metric("uprobed_edge_requests_total", caller="outside") == 21,
                           "the load generator is outside")

    def gained(self, name, **labels):
        return self.metric(name, **labels) - harness.sum_of(self.before, name, **labels)

    def test_every_form_tells_the_same(self):
        for check in (self.check_prometheus_has_each_edge_and_the_service_graph,
                      self.check_exposition_is_clean, self.check_tree_and_drawings,
                      self.check_edges_say_where_their_functions_are_from):
            with self.subTest(check.__name__):
                check()

    def check_prometheus_has_each_edge_and_the_service_graph(self):
        to_stock = {"caller": "shop", "caller_function": "/checkout", "callee": "stock"}
        self.assertEqual(self.gained("uprobed_edge_requests_total", callee_function="/reserve",
                                     **to_stock), 20)
        self.assertEqual(self.gained("uprobed_edge_duration_seconds_count", **to_stock), 20)
        self.assertEqual(self.gained("uprobed_edge_requests_total", caller="outside",
                                     callee="stock"), 0)
        graph = "traces_service_graph_request"
        self.assertEqual(self.gained(f"{graph}_total", client="shop", server="stock"), 20)
        self.assertEqual(self.gained(f"{graph}_total", client="user", server="shop",
                                     connection_type="virtual_node"), 20)
        self.assertEqual(self.gained(f"{graph}_total"), 40)
        self.assertEqual(self.gained(f"{graph}_server_seconds_count", client="user",
                                     server="shop"), 20)
        self.assertEqual(self.gained(f"{graph}_client_seconds_count", client="shop",
                                     server="stock"), 20)

    def check_exposition_is_clean(self):
        promtool = harness.tool("promtool")
        if promtool is None:
            self.skipTest("promtool is not to be had (scripts/test_tools says why)")
        checked = subprocess.run([promtool, "check", "metrics"], input=self.metrics(), text=True,
                                 capture_output=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def check_tree_and_drawings(self):
        tree = self.client("topology", "-o", "tree").out
        self.assertRegex(tree, r"(?m)^outside\n[└├]─ shop /checkout .*\n *│? *[└├]─ stock /reserve ")
        self.assertRegex(self.client("topology", "-o", "mermaid").out, r'(?m)^  n\d+ -->\|"21 calls')
        drawing = self.client("topology", "-o", "dot").out
        dot = harness.tool("dot")
        if dot is None:
            self.skipTest("graphviz is not installed")
        drawn = subprocess.run([dot, "-Tsvg"], input=drawing, text=True, capture_output=True,
                               check=False)
        self.assertEqual((drawn.returncode, drawn.stderr), (0, ""))
        self.assertIn("/reserve", drawn.stdout)

    def check_edges_say_where_their_functions_are_from(self):
        edges = {key_of(edge): edge for edge in self.client("topology", "-o", "json").json()["edges"]}
        edge = edges["shop", "/checkout", "stock", "/reserve"]
        self.assertEqual((edge["callerFunctionDerived"], edge["calleeFunctionDerived"]),
                         (False, False))
        self.assertLessEqual(edge["firstSeenTime"], edge["lastSeenTime"])
        self.assertEqual(self.client("topology", "--window", "1h", "--service", "stock", "-o",
                                     "json").json()["edges"][0]["callee"], "stock")


if __name__ == "__main__":
    unittest.main()
