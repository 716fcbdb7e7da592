"""The API as a foreign client sees it: reflection, health, a probe's life."""

import json
import subprocess
import unittest

import harness


class Grpcurl(harness.E2eTest):

    def setUp(self):
        super().setUp()
        self.grpcurl = harness.tool("grpcurl")
        if self.grpcurl is None:
            self.skipTest("grpcurl is not to be had (scripts/test_tools says why)")

    def call(self, *arguments, data=None, target=None, options=()):
        command = [self.grpcurl, "-plaintext", *options]
        if target is None:
            command.append("-unix")
            target = str(self.socket)
        if data is not None:
            command += ["-d", json.dumps(data)]
        return subprocess.run([*command, target, *arguments], capture_output=True, text=True,
                              timeout=30, check=False)

    def ok(self, *arguments, **options):
        completed = self.call(*arguments, **options)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        return completed.stdout

    def test_services_are_listed_and_described(self):
        self.start_daemon()
        self.assertEqual(set(self.ok("list").split()), {
            "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection",
            "uprobed.v1.AdminService", "uprobed.v1.ProbeService", "uprobed.v1.ProfileService",
            "uprobed.v1.TelemetryService"})
        described = self.ok("describe", "uprobed.v1.ProbeService")
        for method in ("CreateProbe", "GetProbe", "ListProbes", "UpdateProbe", "DeleteProbe",
                       "WatchProbes"):
            self.assertIn(f"rpc {method} ", described)

    def test_topology_is_told_and_watched(self):
        self.start_daemon()
        self.attach(harness.hello())
        program = self.start_program(harness.hello())
        self.load(program.url("/hello"), 3)

        def complete():
            topology = json.loads(self.ok("uprobed.v1.TelemetryService/GetTopology",
                                          data={"window": "60s", "service": harness.hello().name}))
            edges = topology.get("edges", [])
            return edges if sum(int(edge["count"]) for edge in edges) == 3 else None
        edges = harness.wait_until(complete, "an edge with 3 requests")
        self.assertEqual([edge["callee"] for edge in edges], ["none"])
        # The stream has no end of its own.
        watched = self.call("uprobed.v1.TelemetryService/WatchTopology",
                            data={"interval": "0.1s"}, options=("-max-time", "1"))
        first, _ = json.JSONDecoder().raw_decode(watched.stdout)
        self.assertTrue(first["snapshot"] and first["complete"])
        self.assertEqual(first["added"][0]["count"], "3")

    def test_probe_is_created_watched_and_deleted(self):
        self.start_daemon()
        program = self.start_program(harness.hello())
        created = json.loads(self.ok(
            "uprobed.v1.ProbeService/CreateProbe",
            data={"probeId": "hello", "probe": {"spec": {"binaryPath": program.path}}}))
        self.assertEqual(created["status"]["state"], "STATE_ACTIVE")

        tail = subprocess.Popen(
            [self.grpcurl, "-plaintext", "-unix", "-d", json.dumps({"limit": 5}), str(self.socket),
             "uprobed.v1.TelemetryService/StreamSpans"], stdout=subprocess.PIPE, text=True)
        self.cleanup.callback(harness.end, tail, harness.signal.SIGKILL)
        harness.wait_until(lambda: self.metric("uprobed_stream_subscribers") == 1, "it subscribes")
        self.load(program.url("/hello"), 5)
        text, _ = tail.communicate(timeout=20)
        self.assertEqual(tail.returncode, 0)
        # Field names are as in the .proto: this reflection service does not tell JSON names.
        self.assertEqual(text.count('"trace_id"') + text.count('"traceId"'), 5)

        self.ok("uprobed.v1.ProbeService/DeleteProbe", data={"name": "probes/hello"})
        gone = self.call("uprobed.v1.ProbeService/GetProbe", data={"name": "probes/hello"})
        self.assertNotEqual(gone.returncode, 0)
        self.assertIn("Code: NotFound", gone.stderr)
        self.assertIn("PROBE_NOT_FOUND", gone.stderr)

    def tail_spans(self, **request):
        tail = subprocess.Popen(
            [self.grpcurl, "-plaintext", "-unix", "-d", json.dumps(request), str(self.socket),
             "uprobed.v1.TelemetryService/StreamSpans"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.cleanup.callback(harness.end, tail, harness.signal.SIGKILL)
        return tail

    def responses(self, tail):
        text, errors = tail.communicate(timeout=20)
        self.assertEqual(tail.returncode, 0, errors)
        responses = []
        while text.strip():
            response, end = json.JSONDecoder().raw_decode(text.lstrip())
            responses.append(response)
            text = text.lstrip()[end:]
        return responses

    def masked(self, paths, **request):
        """The spans of 3 requests, of which the stream tells only what the request asks for."""
        # This grpcurl knows no short form of a FieldMask.
        tail = self.tail_spans(read_mask={"paths": paths}, limit=3, **request)
        harness.wait_until(lambda: self.metric("uprobed_stream_subscribers") == 1, "it subscribes")
        self.load(self.program.url("/hello"), 3)
        responses = self.responses(tail)
        harness.wait_until(lambda: self.metric("uprobed_stream_subscribers") == 0, "it ends")
        spans = [span for response in responses for span in response.get("spans", [])]
        self.assertEqual(len(spans), 3)
        return spans

    @staticmethod
    def put_together(response):
        dictionary = {entry["id"]: entry for entry in response.get("dictionary", [])}
        for compact in response.get("compact_spans", []):
            common = dictionary[compact["common_id"]]["common"] if "common_id" in compact else {}
            own = compact["own"]
            attributes = common.get("attributes", []) + own.get("attributes", []) + [
                dictionary[number]["attribute"] for number in compact.get("attribute_ids", [])]
            yield {**common, **own, "attributes": attributes}

    def test_compact_spans_are_the_whole_ones(self):
        self.start_daemon()
        self.attach(harness.hello())
        program = self.start_program(harness.hello())
        whole_tail = self.tail_spans(limit=8)
        compact_tail = self.tail_spans(limit=8, compact=True)
        printed = self.subscribe()
        harness.wait_until(lambda: self.metric("uprobed_stream_subscribers") == 3, "they subscribe")
        self.load(program.url("/hello"), 5)
        self.load(program.url("/missing"), 3)
        whole = [span for response in self.responses(whole_tail)
                 for span in response.get("spans", [])]
        responses = self.responses(compact_tail)
        compact = [span for response in responses for span in self.put_together(response)]
        for spans in (whole, compact):
            for span in spans:
                span["attributes"].sort(key=lambda attribute: attribute["key"])
        self.assertEqual(len(whole), 8)
        self.assertEqual(compact, whole)
        self.assertTrue(any("dictionary" in response for response in responses))
        self.assertFalse(any("spans" in response for response in responses))
        # Our own client asks for compact ones.
        for span, expected in zip(harness.wait_until(lambda: len(printed()) == 8 and printed(),
                                                     "8 spans"), whole):
            self.assertEqual(span["name"], expected["name"])
            self.assertEqual(set(span["attributes"]),
                             {attribute["key"] for attribute in expected["attributes"]})

    def test_a_stream_has_the_fields_of_its_mask_only(self):
        self.start_daemon()
        self.attach(harness.hello())
        self.program = self.start_program(harness.hello())
        for span in self.masked(["name", "probe"], filter="http.response.status_code = 200"):
            self.assertEqual(set(span), {"name", "probe"})
        for span in self.masked(["attributes"], attribute_keys=["http.response.status_code"]):
            self.assertEqual(set(span), {"attributes"})
            self.assertEqual([attribute["key"] for attribute in span["attributes"]],
                             ["http.response.status_code"])
        refused = self.call("uprobed.v1.TelemetryService/StreamSpans",
                            data={"read_mask": {"paths": ["nothing"]}})
        self.assertIn("FIELD_MASK_INVALID", refused.stderr)
        # Our own client beside a subscriber to whole spans.
        whole = self.subscribe()
        some = self.subscribe("--fields", "name,http.response.status_code")
        self.load(self.program.url("/hello"), 3)
        for span in harness.wait_until(lambda: len(some()) == 3 and some(), "3 spans"):
            self.assertEqual(set(span), {"name", "attributes", "resource"})
            self.assertEqual(span["attributes"], {"http.response.status_code": 200})
            self.assertEqual(span["resource"], {})
        for span in harness.wait_until(lambda: len(whole()) == 3 and whole(), "3 whole spans"):
            self.assertIn("traceId", span)
            self.assertIn("url.path", span["attributes"])

    def test_health_is_honest(self):
        import threading
        # Probes that take a while to reconcile: each is a binary to be hashed.
        self.start_daemon()
        self.attach(harness.hello())
        self.stop_daemon()
        answers = []
        done = threading.Event()

        def ask():
            while not done.is_set():
                answer = self.call("grpc.health.v1.Health/Check")
                if answer.returncode == 0:
                    answers.append(json.loads(answer.stdout)["status"])
                    if answers[-1] == "SERVING":
                        return

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            self.start_daemon()
        finally:
            harness.wait_until(lambda: answers[-1:] == ["SERVING"], "health says SERVING")
            done.set()
            thread.join()
        self.assertEqual(set(answers) - {"SERVING", "NOT_SERVING"}, set())
        self.assertEqual(self.probe_state_when_serving(), "STATE_ACTIVE")

    def probe_state_when_serving(self):
        return self.client("probes", "-o", "json").json()["probes"][0]["status"]["state"]

    def test_loopback_tcp(self):
        port = harness.free_port()
        self.start_daemon("--tcp-address", f"127.0.0.1:{port}")
        self.assertIn("uprobed.v1.ProbeService", self.ok("list", target=f"127.0.0.1:{port}"))

    def test_tcp_beyond_loopback_needs_tls(self):
        daemon = self.start_daemon("--tcp-address", "0.0.0.0:0", wait=False)
        self.assertEqual(daemon.wait(timeout=20), 1)
        self.assertIn("TCP_REQUIRES_TLS", self.daemon_log())


if __name__ == "__main__":
    unittest.main()
