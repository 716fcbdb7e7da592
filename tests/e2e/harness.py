"""Runs the daemon, its client and Go programs as a user would.

Everything a test starts is ended with the test, by its process id. UPROBED_BUILD_DIR names the build
to test, UPROBED_TARGETS_DIR the Go programs.
"""

import base64
import contextlib
import functools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("UPROBED_BUILD_DIR", ROOT / "build" / "release"))
TARGETS = pathlib.Path(os.environ.get("UPROBED_TARGETS_DIR", ROOT / "build" / "targets"))
DAEMON = BUILD / "server" / "uprobed"
CLIENT = BUILD / "client" / "uprobectl"
TOOLS = ROOT / "build" / "tools" / "bin"

PATIENCE_SECONDS = 20

COPIES = tempfile.TemporaryDirectory(prefix="uprobed-e2e-programs-")


def tool(name):
    """Path of a foreign program, or None where the machine does not have it."""
    return shutil.which(name, path=f"{TOOLS}:{os.environ['PATH']}:/usr/sbin")


@functools.cache
def own(path):
    """A copy of a program: probes see every process of a file, and tests run side by side."""
    copy = pathlib.Path(COPIES.name) / path.name
    shutil.copy(path, copy)
    return copy


def hello_targets():
    """Every build of the hello program."""
    return sorted(TARGETS.glob("hello-go*"))


def hello(stripped=False):
    """One recent build of the hello program."""
    found = [path for path in hello_targets() if path.name.endswith("-stripped") == stripped]
    if not found:
        raise unittest.SkipTest("no Go program to probe: run scripts/build_targets")
    return own(found[-1])


def as_hex(base64_text):
    """Ids are bytes, which JSON has in base64."""
    return base64.b64decode(base64_text).hex()


def wait_until(condition, what):
    """Waits for a condition; what it returns once it is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE_SECONDS} s: {what}")
        time.sleep(0.05)


def end(process, sig=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(sig)
    try:
        process.wait(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


class Program:
    """A running hello program, or another that takes -addr and says where it listens."""

    def __init__(self, path, environment=None, arguments=()):
        self.path = str(path)
        self.process = subprocess.Popen(
            [self.path, "-addr", "127.0.0.1:0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env={**os.environ, **(environment or {})})
        line = self.process.stdout.readline()
        self.address = line.strip().removeprefix("listening on ")
        self.pid = self.process.pid

    def get(self, path, headers=None):
        """The status of one request."""
        request = urllib.request.Request(self.url(path), headers=headers or {})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code

    def url(self, path):
        return f"http://{self.address}{path}"

    def stop(self):
        end(self.process, signal.SIGKILL)


class Result:
    def __init__(self, completed):
        self.code = completed.returncode
        self.out = completed.stdout
        self.err = completed.stderr

    def json(self):
        return json.loads(self.out)

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def reason(self):
        """The stable reason of an error."""
        found = re.search(r'"?reason"?: ?"?(\w+)', self.err)
        return found.group(1) if found else None


class E2eTest(unittest.TestCase):
    """A test with a directory, and daemons and programs that end with it."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to load BPF programs")
        if not DAEMON.exists():
            self.skipTest(f"{DAEMON} is not built")
        self.cleanup = contextlib.ExitStack()
        self.addCleanup(self.cleanup.close)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="uprobed-e2e-"))
        self.cleanup.callback(shutil.rmtree, self.directory)
        self.socket = self.directory / "uprobed.sock"
        self.database = self.directory / "state.db"
        self.daemon = None
        self.metrics_port = free_port()

    def start_daemon(self, *options, wait=True, under=()):
        """Starts the daemon, with `under` as the command that starts it."""
        log = open(self.directory / "daemon.log", "a", encoding="utf-8")
        self.daemon = subprocess.Popen(
            [*under, DAEMON, "--socket", self.socket, "--database", self.database,
             "--metrics-address", f"127.0.0.1:{self.metrics_port}", *options], stdout=log, stderr=log)
        log.close()
        self.cleanup.callback(end, self.daemon)
        if wait:
            wait_until(lambda: self.run_client("status").code == 0 or self.fail_if_ended(),
                       "the daemon serves")
        return self.daemon

    def fail_if_ended(self):
        if self.daemon.poll() is not None:
            self.fail(f"the daemon ended: {self.daemon_log()}")

    def daemon_log(self):
        return (self.directory / "daemon.log").read_text(encoding="utf-8")

    def stop_daemon(self, sig=signal.SIGTERM):
        end(self.daemon, sig)

    def run_client(self, *arguments, stdin=None):
        # Full load is what most tests make, and what a probe's budget of overhead is against.
        if arguments[0] == "attach" and "--max-overhead" not in arguments:
            arguments = (*arguments, "--max-overhead", "unlimited")
        return Result(subprocess.run(
            [CLIENT, "--address", f"unix:{self.socket}", *map(str, arguments)],
            capture_output=True, text=True, input=stdin, timeout=120, check=False))

    def client(self, *arguments):
        """Runs the client, which must succeed."""
        result = self.run_client(*arguments)
        self.assertEqual(result.code, 0, result.err)
        return result

    def attach(self, *arguments):
        return self.client("attach", "-o", "json", *arguments).json()

    # Why nothing can be injected on this machine, once that is known.
    injection_refusal = None

    def skip_where_injection_is_refused(self):
        """Before a daemon is started for nothing."""
        if E2eTest.injection_refusal:
            self.skipTest(E2eTest.injection_refusal)

    def skip_where_nothing_is_injected(self, program):
        """Kernels that are locked down do not let anybody write into a program."""
        tried = self.run_client("attach", program, "--name", "tried", "--inject-traceparent")
        self.client("detach", "tried")
        if tried.code != 0:
            self.assertEqual(tried.reason, "INJECTION_UNAVAILABLE", tried.err)
            E2eTest.injection_refusal = tried.err
            self.skipTest(tried.err)

    def probe(self, name):
        return self.client("probe", "describe", name, "-o", "json").json()

    def start_program(self, path, environment=None, arguments=()):
        program = Program(path, environment, arguments)
        self.cleanup.callback(program.stop)
        return program

    def load(self, url, total, connections=4, *options):
        """Sends requests and returns the load generator's own count."""
        completed = subprocess.run(
            [own(TARGETS / "loadgen"), "-url", url, "-n", str(total), "-c", str(connections),
             *map(str, options)], capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        return json.loads(completed.stdout)

    def subscribe(self, *options):
        """Begins to collect spans; call the result for those that have come, and its .end() before the test's."""
        before = self.metric("uprobed_stream_subscribers")
        path = self.directory / f"spans-{time.monotonic_ns()}.jsonl"
        output = open(path, "w", encoding="utf-8")
        process = subprocess.Popen(
            [CLIENT, "--address", f"unix:{self.socket}", "spans", "-o", "json", *options],
            stdout=output, stderr=subprocess.PIPE, text=True)
        output.close()
        self.cleanup.callback(end, process, signal.SIGINT)
        wait_until(lambda: self.metric("uprobed_stream_subscribers") > before, "the subscription")

        parsed = []
        stream = self.cleanup.enter_context(open(path, "rb"))

        def spans():
            begin = stream.tell()
            text = stream.read()
            complete = text.rfind(b"\n") + 1
            stream.seek(begin + complete)
            parsed.extend(simplify(json.loads(line)) for line in text[:complete].splitlines())
            return list(parsed)
        spans.end = lambda sig=signal.SIGINT: end(process, sig)
        return spans

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as response:
            return response.read().decode()

    def metric(self, name, **labels):
        """Sum of the series of `name` that have these labels."""
        return sum_of(self.metrics(), name, **labels)


def sum_of(metrics, name, **labels):
    """Sum of the series of `name` that have these labels, in Prometheus' text format."""
    total = 0.0
    for line in metrics.splitlines():
        if line.startswith("#"):
            continue
        series, value = line.rsplit(" ", 1)
        if series.partition("{")[0] == name and all(
                f'{key}="{wanted}"' in series for key, wanted in labels.items()):
            total += float(value)
    return total


def simplify(span):
    """A span with its attributes and resource as dictionaries."""
    def plain(pairs):
        result = {}
        for pair in pairs:
            kind = next(key for key in pair if key != "key")
            value = pair[kind]
            result[pair["key"]] = int(value) if kind.lower().startswith("int") else value
        return result
    return {**span, "attributes": plain(span.get("attributes", [])),
            "resource": plain(span.get("resource", []))}


def free_port():
    """A port that no connection takes meanwhile: one below those that the kernel chooses from."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as ephemeral:
        first = int(ephemeral.read().split()[0])
    while True:
        port = random.randrange(first // 2, first)
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
