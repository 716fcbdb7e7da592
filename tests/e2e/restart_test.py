"""What the daemon was told survives it, and nothing of it stays in the kernel."""

import signal
import subprocess
import unittest

import harness


def links(of):
    """What bpftool says of the links and perf events that belong to a process."""
    tool = harness.tool("bpftool")
    if tool is None:
        raise unittest.SkipTest("bpftool is not installed")
    listings = [subprocess.run([tool, *what], capture_output=True, text=True, check=False).stdout
                for what in (("link", "list"), ("perf", "list"))]
    return "".join(listings), [line for listing in listings for line in listing.splitlines()
                               if f"({of})" in line or f"pid {of} " in line]


def programs():
    """The BPF programs of ours that the kernel has, whoever holds them."""
    listing = subprocess.run([harness.tool("bpftool"), "prog", "list"], capture_output=True,
                             text=True, check=True).stdout
    return [line for line in listing.splitlines()
            if any(f"name {name} " in line for name in
                   ("server_start", "server_end", "client_start", "client_end"))]


class Restart(harness.E2eTest):

    def check_lifecycle(self, *options):
        if harness.tool("bpftool") is None:
            self.skipTest("bpftool is not installed")
        before = links(0)[0]
        self.start_daemon(*options)
        self.assertEqual(links(0)[0], before)
        self.attach(harness.hello(), "--name", "hello")
        attached, _ = links(0)
        self.assertNotEqual(attached, before)
        print(f"\nbefore attach:\n{before or '(nothing)'}\nafter attach:\n{attached}")

        self.client("detach", "hello")
        self.assertEqual(links(0)[0], before)
        print("after detach:\n" + (links(0)[0] or "(nothing)"))

        self.attach(harness.hello(), "--name", "hello")
        self.stop_daemon(signal.SIGKILL)
        harness.wait_until(lambda: links(0)[0] == before, "no orphan after kill -9")
        harness.wait_until(lambda: programs() == [], "no program after kill -9")
        print("after kill -9:\n" + (links(0)[0] or "(nothing)"))

        self.start_daemon(*options)
        self.assertEqual(self.probe("hello")["status"]["state"], "STATE_ACTIVE")
        print("after the restart:\n" + links(0)[0])
        program = self.start_program(harness.hello())
        spans = self.subscribe()
        self.load(program.url("/hello"), 100)
        harness.wait_until(lambda: len(spans()) >= 100, "spans without a command")
        self.assertEqual(len(spans()), 100)

    def test_no_orphan_and_probes_come_back(self):
        self.check_lifecycle()

    def test_the_same_with_perf_events(self):
        self.check_lifecycle("--perf-events")

    def test_known_binary_is_not_analysed_again(self):
        self.start_daemon()
        first = self.client("profile", "resolve", harness.hello(), "-o", "json").json()
        self.stop_daemon()
        self.start_daemon()
        second = self.client("profile", "resolve", harness.hello(), "-o", "json").json()
        self.assertFalse(first.get("fromStore"))
        self.assertTrue(second["fromStore"])
        self.assertEqual(first["profile"]["sites"], second["profile"]["sites"])
        self.assertEqual(first["profile"]["fields"], second["profile"]["fields"])

    def test_clean_stop_ends_streams_and_removes_the_socket(self):
        self.start_daemon()
        watcher = subprocess.Popen(
            [harness.CLIENT, "--address", f"unix:{self.socket}", "spans"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.cleanup.callback(harness.end, watcher, signal.SIGKILL)
        harness.wait_until(lambda: self.metric("uprobed_stream_subscribers") == 1, "it subscribes")
        self.stop_daemon()
        self.assertEqual(self.daemon.returncode, 0)
        self.assertFalse(self.socket.exists())
        self.assertEqual(watcher.wait(timeout=10), 4)

    def test_stops_although_a_subscriber_stands_still(self):
        self.start_daemon()
        self.attach(harness.hello(), "--name", "web")
        program = self.start_program(harness.hello())
        with open(self.directory / "spans", "w", encoding="utf-8") as output:
            subscriber = subprocess.Popen([harness.CLIENT, "--address", f"unix:{self.socket}", "spans", "-o", "json"],
                                          stdout=output, stderr=subprocess.DEVNULL)
        self.cleanup.callback(harness.end, subscriber, signal.SIGKILL)
        harness.wait_until(lambda: self.metric("uprobed_stream_subscribers") == 1, "the subscription")
        self.load(program.url("/hello"), 20000)
        subscriber.send_signal(signal.SIGSTOP)
        self.load(program.url("/hello"), 50000)  # more than its connection holds
        self.stop_daemon()
        self.assertEqual(self.daemon.returncode, 0)
        print(f"\nwith a subscriber that stands still: {self.daemon_log().splitlines()[-1]}")

    def test_second_daemon_on_the_same_database_is_refused(self):
        self.start_daemon()
        second = subprocess.run(
            [harness.DAEMON, "--socket", self.directory / "other.sock", "--database", self.database,
             "--metrics-address", "off"], capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("DAEMON_ALREADY_RUNNING", second.stderr)

    def test_newer_database_is_refused_and_left_alone(self):
        self.start_daemon()
        self.attach(harness.hello(), "--name", "hello")
        self.stop_daemon()
        import sqlite3
        connection = sqlite3.connect(self.database)
        connection.execute("PRAGMA user_version = 999")
        connection.close()
        refused = subprocess.run(
            [harness.DAEMON, "--socket", self.socket, "--database", self.database,
             "--metrics-address", "off"], capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(refused.returncode, 78)
        self.assertIn("STORE_NEWER_SCHEMA", refused.stderr)
        connection = sqlite3.connect(self.database)
        self.assertEqual(connection.execute("SELECT count(*) FROM probes").fetchone(), (1,))
        connection.close()

    def test_corrupt_database_is_kept_aside(self):
        self.start_daemon()
        self.attach(harness.hello())
        self.stop_daemon()
        with open(self.database, "r+b") as database:
            database.seek(100)  # behind the header, which says whose database it is
            database.write(b"\xff" * 8192)
        self.start_daemon(wait=False)
        degraded = 3  # it serves, and says that it lost its memory
        harness.wait_until(lambda: self.run_client("status").code == degraded, "it serves")
        self.assertEqual(len(list(self.directory.glob("state.db.corrupt-*"))), 1)
        self.assertIn("corrupt", self.daemon_log())
        self.attach(harness.hello())


if __name__ == "__main__":
    unittest.main()
