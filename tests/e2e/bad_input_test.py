"""What bad input gets: a canonical code, a stable reason, a sentence, and nothing changed."""

import json
import os
import re
import shutil
import struct
import subprocess
import unittest

import harness

INVALID, NOT_FOUND, EXISTS, PRECONDITION = 2, 5, 6, 7


class BadInput(harness.E2eTest):

    def setUp(self):
        super().setUp()
        self.start_daemon()

    def refused(self, code, reason, *arguments, stdin=None):
        before = self.state()
        result = self.run_client(*arguments, stdin=stdin)
        self.assertEqual((result.code, result.reason), (code, reason), result.err)
        self.assertRegex(result.err, r"error: .{20}")
        self.assertEqual(self.state(), before)

    def state(self):
        """All that a refused call must leave as it is."""
        descriptors = os.listdir(f"/proc/{self.daemon.pid}/fd")
        return (self.client("probes", "-o", "json").json(),
                self.client("profile", "list", "-o", "json").json(),
                sorted(os.readlink(f"/proc/{self.daemon.pid}/fd/{number}")
                       for number in descriptors if self.is_lasting(number)))

    def is_lasting(self, number):
        """Connections come and go with the clients; files, links and maps must not."""
        try:
            return not os.readlink(f"/proc/{self.daemon.pid}/fd/{number}").startswith("socket:")
        except FileNotFoundError:
            return False

    def file(self, name, content):
        path = self.directory / name
        path.write_bytes(content)
        path.chmod(0o755)
        return path

    def test_missing_file(self):
        self.refused(NOT_FOUND, "BINARY_NOT_FOUND", "attach", self.directory / "nothing")

    def test_missing_file_can_be_waited_for(self):
        path = self.directory / "later"
        probe = self.attach(path, "--wait-for-binary", "--name", "later")
        self.assertEqual(probe["status"]["state"], "STATE_WAITING")
        shutil.copy(harness.hello(), path)
        harness.wait_until(lambda: self.probe("later")["status"]["state"] == "STATE_ACTIVE",
                           "it is attached")

    def test_text_file(self):
        self.refused(INVALID, "BINARY_NOT_ELF", "attach", self.file("text", b"hello\n" * 99))

    def test_empty_file(self):
        self.refused(INVALID, "BINARY_NOT_ELF", "attach", self.file("empty", b""))

    def test_program_that_is_not_go(self):
        self.refused(PRECONDITION, "BINARY_NOT_GO", "attach", os.path.realpath("/bin/true"))

    def test_go_program_without_net_http(self):
        program = next(harness.TARGETS.glob("nohttp-go*"), None)
        if program is None:
            self.skipTest("no such program: run scripts/build_targets")
        self.refused(PRECONDITION, "NET_HTTP_MISSING", "attach", program)

    def test_unknown_go_version_without_dwarf_whose_code_is_not_understood(self):
        objcopy, nm = harness.tool("objcopy"), harness.tool("nm")
        if not objcopy or not nm:
            self.skipTest("objcopy is not to be had")
        program = self.directory / "without-dwarf"
        subprocess.run([objcopy, "--strip-debug", harness.hello(), program], check=True)
        listed = subprocess.run([nm, "--print-size", program], check=True, capture_output=True,
                                text=True).stdout
        content = bytearray(program.read_bytes())
        profile = self.client("profile", "resolve", program, "-o", "json").json()["profile"]
        site = profile["sites"][0]
        told = re.findall(r"^(\w+) (\w+) T net/http\.(?:\(\*response\)\.WriteHeader|ReadResponse)$",
                          listed, re.MULTILINE)
        self.assertEqual(len(told), 2)
        for address, size in told:
            begin = int(address, 16) - int(site["virtualAddress"]) + int(site["fileOffset"])
            content[begin:begin + int(size, 16)] = b"\xcc" * int(size, 16)
        version = self.version_in(content)
        path = self.file("future", content.replace(version, b"go1.99" + version[6:]))
        self.refused(PRECONDITION, "OFFSETS_UNKNOWN", "attach", path)

    @staticmethod
    def version_in(content):
        return re.search(rb"go1\.\d\d\.\d+", content).group(0)

    def test_too_old_go_version(self):
        content = harness.hello(stripped=True).read_bytes()
        version = self.version_in(content)
        path = self.file("past", content.replace(version, b"go1.10" + version[6:]))
        self.refused(PRECONDITION, "GO_VERSION_UNSUPPORTED", "attach", path)

    def test_wrong_architecture(self):
        content = bytearray(harness.hello().read_bytes())
        content[18:20] = struct.pack("<H", 243)  # EM_RISCV
        self.refused(PRECONDITION, "BINARY_ARCHITECTURE_UNSUPPORTED", "attach",
                     self.file("riscv", bytes(content)))

    def test_truncated_elf(self):
        content = harness.hello().read_bytes()
        for size in (63, 64, 1000, len(content) // 2):
            path = self.file(f"cut{size}", content[:size])
            result = self.run_client("attach", path)
            self.assertEqual(result.code, PRECONDITION, result.err)
            self.assertIn(result.reason, ("BINARY_TRUNCATED", "BINARY_NOT_ELF"))

    def test_pid_that_is_gone(self):
        process = subprocess.Popen(["/bin/true"])
        process.wait()
        self.refused(NOT_FOUND, "PROCESS_NOT_FOUND", "attach", "--pid", process.pid)

    def test_directory(self):
        self.refused(INVALID, "BINARY_NOT_REGULAR_FILE", "attach", self.directory)

    def test_fifo_does_not_block(self):
        path = self.directory / "fifo"
        os.mkfifo(path)
        self.refused(INVALID, "BINARY_NOT_REGULAR_FILE", "attach", path)

    def test_the_daemon_itself(self):
        self.refused(INVALID, "TARGET_IS_SELF", "attach", "--pid", self.daemon.pid)

    def test_name_taken(self):
        self.attach(harness.hello(), "--name", "hello")
        other = self.directory / "other"
        shutil.copy(harness.hello(stripped=True), other)
        self.refused(EXISTS, "PROBE_EXISTS", "attach", other, "--name", "hello")

    def test_binary_probed_already(self):
        self.attach(harness.hello(), "--name", "hello")
        self.refused(EXISTS, "BINARY_ALREADY_PROBED", "attach", harness.hello(), "--name", "again")

    def test_malformed_filter(self):
        self.refused(INVALID, "FILTER_SYNTAX", "spans", "--filter", "http.request.method = ")
        self.refused(INVALID, "FILTER_UNKNOWN_KEY", "spans", "--filter", "no.such.key = 1")

    def test_unknown_probe(self):
        self.refused(NOT_FOUND, "PROBE_NOT_FOUND", "probe", "describe", "nobody")
        self.refused(NOT_FOUND, "PROBE_NOT_FOUND", "detach", "nobody")

    def test_import_that_does_not_verify(self):
        self.client("profile", "resolve", harness.hello())
        exported = self.client("profile", "export").out
        self.client("profile", "delete", self.client("profile", "list", "-o", "json").json()
                    ["profiles"][0]["name"])
        document = json.loads(exported)
        site, = (site for site in document["profiles"][0]["sites"] if site["kind"] == "server_end")
        site["instructionBytes"] = "6AAAAAA="  # another call
        self.refused(PRECONDITION, "PROFILE_BYTES_MISMATCH", "profile", "import", "-", "--verify",
                     harness.hello(), stdin=json.dumps(document))

    def test_import_of_rubbish(self):
        result = self.run_client("profile", "import", "-", stdin="{")
        self.assertEqual(result.code, INVALID, result.err)


if __name__ == "__main__":
    unittest.main()
