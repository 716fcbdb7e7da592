"""Servers that keep every byte of the requests that come in."""

import re
import socket
import threading


class Connection:
    """Reads from a socket, and keeps what it has read."""

    def __init__(self, accepted):
        self.socket = accepted
        self.ahead = b""

    def more(self):
        got = self.socket.recv(65536)
        if not got:
            raise EOFError
        self.ahead += got

    def until(self, end):
        while end not in self.ahead:
            self.more()
        position = self.ahead.index(end) + len(end)
        taken, self.ahead = self.ahead[:position], self.ahead[position:]
        return taken

    def exactly(self, count):
        while len(self.ahead) < count:
            self.more()
        taken, self.ahead = self.ahead[:count], self.ahead[count:]
        return taken


def header(head, name):
    """The values of a header, as they are."""
    return re.findall(rb"(?im)^" + name.encode() + rb": (.*)\r$", head)


def path_of(request):
    return request.split(b" ", 2)[1].decode()


class RawServer:
    """Serves until it is closed. A request whose path has "drop" in it is not answered where its
    connection has served before: the connection is closed, which makes net/http try again."""

    def __init__(self):
        self.requests = []  # each the bytes of one
        self.lock = threading.Lock()
        self.accepted = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.url = "http://" + self.address
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            self.accepted.append(accepted)
            threading.Thread(target=self.serve, args=(accepted,), daemon=True).start()

    def serve(self, accepted):
        connection, served = Connection(accepted), 0
        try:
            while True:
                request = self.read(connection)
                with self.lock:
                    self.requests.append(request)
                if served and b"drop" in request.split(b"\r\n", 1)[0]:
                    accepted.close()
                    return
                served += 1
                self.answer(accepted)
        except (EOFError, OSError):
            accepted.close()

    def read(self, connection):
        head = connection.until(b"\r\n\r\n")
        if header(head, "Expect"):
            connection.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if header(head, "Transfer-Encoding"):
            return head + connection.until(b"0\r\n\r\n")
        lengths = header(head, "Content-Length")
        return head + (connection.exactly(int(lengths[0])) if lengths else b"")

    def answer(self, accepted):
        accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def take(self):
        """The requests that have come since the last call."""
        with self.lock:
            taken, self.requests = self.requests, []
        return taken

    def close(self):
        self.listener.close()
        for accepted in self.accepted:
            accepted.close()


class Tunnel(RawServer):
    """A proxy that answers requests as if it had asked somebody, and opens tunnels to where CONNECT
    names."""

    def serve(self, accepted):
        connection = Connection(accepted)
        try:
            request = self.read(connection)
            with self.lock:
                self.requests.append(request)
            if not request.startswith(b"CONNECT "):
                self.answer(accepted)
                accepted.close()
                return
            host, _, port = path_of(request).partition(":")
            with socket.create_connection((host, int(port))) as onward:
                accepted.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=pass_on, args=(onward, accepted), daemon=True)
                back.start()
                pass_on(accepted, onward)
                back.join()
        except (EOFError, OSError):
            pass
        accepted.close()


def pass_on(source, target):
    try:
        while got := source.recv(65536):
            target.sendall(got)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
