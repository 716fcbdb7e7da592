"""Where the machine lacks something the daemon says what, and serves what needs no kernel."""

import subprocess
import unittest

import harness

PRECONDITION, DEGRADED = 7, 3


def without_mount(folder):
    """A command that runs another where `folder` is empty, in a mount namespace of its own."""
    return ["unshare", "--mount", "sh", "-c",
            f'mount -t tmpfs none {folder} && exec "$0" "$@"']


def mount_namespaces():
    """Whether this machine gives mount namespaces: not in a chroot that is no mount point."""
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True)
    return None if tried.returncode == 0 else tried.stderr.strip()


class CrippledMachine(harness.E2eTest):

    def start_without(self, folder, **options):
        if reason := mount_namespaces():
            self.skipTest(reason)
        self.start_daemon(under=without_mount(folder), **options)

    def expect_profiles_only(self, reason, feature):
        harness.wait_until(lambda: self.run_client("status").code == DEGRADED, "it serves")
        self.assertIn(feature, self.daemon_log())

        resolved = self.client("profile", "resolve", harness.hello(), "-o", "json").json()
        self.assertTrue(resolved["profile"]["sites"])

        refused = self.run_client("attach", harness.hello())
        self.assertEqual((refused.code, refused.reason), (PRECONDITION, reason), refused.err)
        self.assertIn(feature, refused.err)
        self.assertEqual(self.client("probes", "-o", "json").json().get("probes", []), [])

        doctor = self.run_client("doctor")
        self.assertEqual(doctor.code, DEGRADED)
        self.assertRegex(doctor.out, rf"kernel {feature} +FAIL")

    def test_without_capabilities(self):
        self.start_daemon(under=["setpriv", "--bounding-set", "-sys_admin,-bpf,-perfmon"],
                          wait=False)
        self.expect_profiles_only("DAEMON_CAPS_MISSING", "capabilities")

    def test_without_btf(self):
        self.start_without("/sys/kernel/btf", wait=False)
        self.expect_profiles_only("KERNEL_FEATURE_MISSING", "btf")

    def test_without_uprobes(self):
        self.start_without("/sys/bus/event_source/devices", wait=False)
        self.expect_profiles_only("KERNEL_FEATURE_MISSING", "uprobe_events")

    def test_without_tracefs(self):
        self.start_without("/sys/kernel/tracing")
        doctor = self.run_client("doctor")
        self.assertRegex(doctor.out, r"kernel tracefs +warning")
        self.assertIn("mount -t tracefs", doctor.out)
        self.attach(harness.hello())

    def test_stored_probe_is_failed_and_comes_back_with_the_rights(self):
        self.start_daemon()
        self.attach(harness.hello(), "--name", "hello")
        self.stop_daemon()
        self.start_daemon(under=["setpriv", "--bounding-set", "-sys_admin,-bpf,-perfmon"],
                          wait=False)
        harness.wait_until(lambda: self.run_client("status").code == DEGRADED, "it serves")
        harness.wait_until(lambda: "error" in self.probe("hello")["status"], "it has tried")
        status = self.probe("hello")["status"]
        self.assertEqual((status["state"], status["error"]["reason"]),
                         ("STATE_FAILED", "DAEMON_CAPS_MISSING"))
        self.stop_daemon()
        self.start_daemon()
        self.assertEqual(self.probe("hello")["status"]["state"], "STATE_ACTIVE")


if __name__ == "__main__":
    unittest.main()
