"""Profiles as the client shows them, for every Go release."""

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


if __name__ == "__main__":
    unittest.main()
