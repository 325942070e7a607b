"""A real S3 server for tests: moto's, as a process of its own on the loopback address."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

SECRET = "a-secret-that-nobody-may-see"
_SERVE = """
import sys, time
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()  # until the test ends, however it does
"""


@dataclass(frozen=True)
class S3Server:
    """Where the server is.

    Attributes:
        url: Its address.
    """

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process use it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@contextlib.contextmanager
def s3_server(**environment: str) -> Iterator[S3Server]:
    """Serve S3, empty, for the block."""
    serving = subprocess.Popen(
        [sys.executable, "-c", _SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    )
    with serving:
        port = serving.stdout.readline().strip()
        try:
            yield S3Server(f"http://127.0.0.1:{port}")
        finally:
            serving.kill()


class Outage:
    """A way to a server that can be cut: connections end, and new ones are refused.

    Attributes:
        url: The address by which the server is reached through it.
    """

    def __init__(self, url: str) -> None:
        self._server = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._address = self._listener.getsockname()
        self.url = f"http://127.0.0.1:{self._address[1]}"
        self._serve()

    def begin(self) -> None:
        """Take the server away."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Have it back at the same address."""
        self._listener = socket.create_server(self._address)
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._server) as server:
            self._open |= {client, server}
            other = {client: server, server: client}
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    if not (content := ready.recv(1 << 16)):
                        return
                    other[ready].sendall(content)
