"""A profile with a wrong offset: the first requests show it, and nothing false is reported."""

import json
import unittest

import harness


class LiveCheck(harness.E2eTest):

    def attach_with_wrong_offset(self, field, difference):
        """Attaches by an imported profile in which one offset is wrong."""
        program = harness.hello(stripped=True)
        name = self.client("profile", "resolve", program, "-o", "json").json()["profile"]["name"]
        exported = self.client("profile", "export", name, "-o", "json").json()
        self.client("profile", "delete", name)
        fields = exported["profiles"][0]["fields"]
        # Without what the other sources say, or the contradiction is refused as such.
        fields[field] = {"source": fields[field]["source"],
                         "offset": fields[field].get("offset", 0) + difference}
        file = self.directory / "profile.json"
        file.write_text(json.dumps(exported), encoding="utf-8")
        self.client("profile", "import", file)
        self.attach(program, "--name", "hello")
        return self.start_program(program)

    def expect(self, reason, field):
        harness.wait_until(lambda: self.probe("hello")["status"]["state"] == "STATE_DEGRADED",
                           "the probe is degraded")
        error = self.probe("hello")["status"]["error"]
        self.assertIn(field, error["message"])
        self.assertIn(reason, json.dumps(error))

    def check(self, field, difference, attribute, kind="KIND_SERVER", url="/hello",
              reason="FIELD_REFUTED"):
        self.start_daemon()
        program = self.attach_with_wrong_offset(field, difference)
        spans = self.subscribe()
        self.load(program.url(url), 50)
        wanted = lambda: [span for span in spans() if span["kind"] == kind]
        harness.wait_until(lambda: len(wanted()) >= 50, "50 spans")
        for span in wanted():
            self.assertNotIn(attribute, span["attributes"])
        self.expect(reason, field)
        shown = self.client("profile", "show", program.path, "-o", "json").json()["fields"]
        self.assertEqual(shown[field]["verdict"], reason.replace("FIELD_", "VERDICT_"))
        self.assertIn("VERDICT_VERIFIED", {other["verdict"] for other in shown.values()})

    def test_status_of_a_served_request(self):
        self.check("net/http.response.status", 8, "http.response.status_code")

    def test_path_of_a_served_request(self):
        self.check("net/http.Request.RequestURI", -16, "url.path")

    def test_path_of_a_served_request_between_words(self):
        # The length before, and a pointer that is nil: an empty string.
        self.check("net/http.Request.RequestURI", 8, "url.path", reason="FIELD_SUSPECT")

    def test_method(self):
        self.check("net/http.Request.Method", 24, "http.request.method")

    def test_path_of_a_request_made(self):
        self.check("net/url.URL.Path", -16, "url.path", "KIND_CLIENT", "/call")

    def test_path_of_a_request_made_that_is_another_string(self):
        # RawPath, which is empty unless the path is escaped in another way than by default.
        self.check("net/url.URL.Path", 16, "url.path", "KIND_CLIENT", "/call",
                   reason="FIELD_SUSPECT")

    def test_status_of_a_request_made(self):
        self.check("net/http.Response.StatusCode", 8, "http.response.status_code", "KIND_CLIENT",
                   "/call")

    def test_right_offsets_stay_active(self):
        self.start_daemon()
        self.attach(harness.hello(), "--name", "hello")
        program = self.start_program(harness.hello())
        spans = self.subscribe()
        self.load(program.url("/call"), 50)
        harness.wait_until(lambda: len(spans()) >= 150, "150 spans")
        self.assertEqual(self.probe("hello")["status"]["state"], "STATE_ACTIVE")


if __name__ == "__main__":
    unittest.main()
