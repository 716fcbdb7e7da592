"""Programs of whose file little is in memory, as when memory is short: what a BPF program cannot read
then must not change what it tells.
"""

import ctypes
import os
import threading
import time
import unittest

import failures
import harness

REQUESTS = 10
MADV_PAGEOUT = 21
SYS_PROCESS_MADVISE = 440
PAUSE_SECONDS = 0.002


class IoVector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class PageOut(threading.Thread):
    """Takes the pages of a program's file out of its memory, again and again, until it is stopped."""

    def __init__(self, pid, path):
        super().__init__()
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.ranges = []
        with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
            for line in maps:
                fields = line.split()
                if fields[-1] == str(path) and "w" not in fields[1]:
                    begin, end = (int(address, 16) for address in fields[0].split("-"))
                    self.ranges.append(IoVector(begin, end - begin))
        self.process = os.pidfd_open(pid)
        self.stopped = threading.Event()
        self.bytes = 0

    def run(self):
        while not self.stopped.is_set():
            for each in self.ranges:
                self.bytes += max(0, self.libc.syscall(
                    SYS_PROCESS_MADVISE, self.process, ctypes.byref(each), 1, MADV_PAGEOUT, 0))
            time.sleep(PAUSE_SECONDS)

    def stop(self):
        self.stopped.set()
        self.join()
        os.close(self.process)


class ColdPages(failures.FailuresTest):

    def check(self, path):
        probe = path.name.replace(".", "-")
        self.attach(path, "--name", probe, "--timing", "body")
        process = self.start(path)
        spans = self.subscribe()
        page_out = PageOut(process.pid, path)
        page_out.start()
        try:
            told = {outcome["path"]: outcome for outcome in self.ask(process, f"bodies {REQUESTS}")}
        finally:
            page_out.stop()
        if page_out.bytes == 0:
            self.skipTest("the kernel takes no pages of others out of memory")
        harness.wait_until(lambda: len(spans()) >= 2 * len(told), "the spans")
        ends = [(span["attributes"]["url.path"],
                 span["attributes"].get("error.type",
                                        span["attributes"].get("uprobed.response.body.end", "")))
                for span in spans() if span["kind"] == "KIND_CLIENT"]
        # What of a body is not told by an itab, which is in the file.
        plain = [(target, end) for target, end in ends if target.split("/")[3] == "http"]
        self.assertEqual(len(plain), len(told) / 2)
        self.assertEqual([target for target, end in plain if told[target]["end"] and not end], [])
        self.assertEqual(self.metric("uprobed_requests_in_flight"), 0)
        self.client("detach", probe)

    def test_bodies_end_where_they_end(self):
        self.start_daemon()
        programs = self.programs()
        for path in (programs[0], programs[-1]):
            with self.subTest(program=path.name):
                self.check(path)


if __name__ == "__main__":
    unittest.main()
