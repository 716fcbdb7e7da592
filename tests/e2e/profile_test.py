"""Profiles as the client shows them, for every Go release."""

import os
import unittest

import harness


class Profile(harness.E2eTest):

    def test_no_site_is_single_stepped_on_any_go_version(self):
        self.start_daemon()
        targets = harness.hello_targets()
        if not targets:
            self.skipTest("no Go program to probe: run scripts/build_targets")
        for target in targets:
            with self.subTest(target=target.name):
                shown = self.client("profile", "show", target)
                profile = self.client("profile", "resolve", target, "-o", "json").json()["profile"]
                kinds = {site["kind"] for site in profile["sites"]}
                self.assertTrue({"server_start", "server_end", "client_start", "client_result",
                                 "client_error"} <= kinds)
                self.assertEqual({site["costClass"] for site in profile["sites"]},
                                 {"COST_CLASS_EMULATED"})
                for site in profile["sites"]:
                    self.assertIn(site["function"], shown.out)
                print(f"\n{target.name}:\n" + "\n".join(
                    line.rstrip() for line in shown.out.splitlines() if "net/http." in line and
                    ("emulated" in line or "stepped" in line)))

    def test_exported_profile_is_imported_elsewhere(self):
        self.start_daemon()
        self.client("profile", "resolve", harness.hello(stripped=True))
        exported = self.client("profile", "export").out
        name = self.client("profile", "list", "-o", "json").json()["profiles"][0]["name"]
        self.client("profile", "delete", name)
        result = self.run_client("profile", "import", "-", stdin=exported)
        self.assertEqual(result.code, 0, result.err)
        self.client("profile", "verify", name, "--binary", harness.hello(stripped=True))
        probe = self.attach(harness.hello(stripped=True), "--name", "imported")
        self.assertEqual(probe["status"]["profile"], name)

    def test_arm64_program_is_resolved_and_taken_elsewhere_but_not_attached_here(self):
        if os.uname().machine == "aarch64":
            self.skipTest("it can be attached here")
        targets = sorted((harness.TARGETS / "arm64").glob("hello-go1.2*"))
        if not targets:
            self.skipTest("no Go program for arm64: run scripts/build_targets")
        self.start_daemon()
        for target in targets:
            with self.subTest(target=target.name):
                profile = self.client("profile", "resolve", target, "-o", "json").json()["profile"]
                self.assertEqual(profile["architecture"], "arm64")
                self.assertEqual({site["costClass"] for site in profile["sites"]},
                                 {"COST_CLASS_EMULATED"})
                exported = self.client("profile", "export", profile["name"]).out
                self.client("profile", "delete", profile["name"])
                imported = self.run_client("profile", "import", "-", "--verify", target,
                                           stdin=exported)
                self.assertEqual(imported.code, 0, imported.err)
                refused = self.run_client("attach", target)
                self.assertEqual((refused.code, refused.reason),
                                 (7, "BINARY_ARCHITECTURE_FOREIGN"), refused.err)
                self.assertIn("built for arm64", refused.err)
        self.assertEqual(self.client("probes", "-o", "json").json().get("probes", []), [])


if __name__ == "__main__":
    unittest.main()
