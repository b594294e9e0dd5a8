"""Real listeners on loopback for the probes: TLS with good and bad certificates, silence, a full queue, proxies."""

from __future__ import annotations

import contextlib
import datetime as dt
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def write(self, file: Path) -> Path:
        """Write certificate and key to one file."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(self.pem + key)
        return file


def issue(name: str, issuer: Issued | None = None, *, days: tuple[int, int] = (-1, 1)) -> Issued:
    """Return a certificate for a name: a root of its own where no issuer is given."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Probe, Inc."), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name.replace(" ", "-"))]), critical=False)
    )
    return Issued(made.sign(issuer.key if issuer else key, hashes.SHA256()), key)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    context: ssl.SSLContext | None = None
    wants_login = False


class _Tls(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        assert self.server.context is not None
        self.request.settimeout(5)
        with contextlib.suppress(OSError), self.server.context.wrap_socket(self.request, server_side=True) as secured:
            if secured.recv(4096):
                secured.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


class _Plain(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


class _Proxy(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.request.settimeout(5)
        with contextlib.suppress(OSError):
            asked = b""
            while b"\r\n\r\n" not in asked and (more := self.request.recv(4096)):
                asked += more
            if self.server.wants_login:
                answer = b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="p"\r\n'
                self.request.sendall(answer + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
                return
            host, _, port = asked.split()[1].decode().partition(":")
            with socket.create_connection((host, int(port)), timeout=5) as beyond:
                self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _carry(self.request, beyond)


def _carry(one: socket.socket, other: socket.socket) -> None:
    while True:
        ready, _, _ = select.select([one, other], [], [], 5)
        for end in ready:
            data = end.recv(65536)
            if not data:
                return
            (other if end is one else one).sendall(data)
        if not ready:
            return


@dataclass
class Listeners:
    """Opens listeners, each on a free port of loopback; all close with it."""

    folder: Path
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path) -> Iterator[Listeners]:
        """Return a set that closes at the end."""
        listeners = cls(folder)
        with listeners.stack:
            yield listeners

    def tls(self, issued: Issued) -> int:
        """Serve TLS with a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.write(self.folder / f"{issued.certificate.serial_number}.pem"))
        return self._serve(_Tls, context=context)

    def plain(self) -> int:
        """Serve something that is no TLS."""
        return self._serve(_Plain)

    def proxy(self, *, wants_login: bool = False) -> int:
        """Serve as a proxy."""
        return self._serve(_Proxy, wants_login=wants_login)

    def full(self) -> int:
        """Listen, with a queue that is full, so that a connection is neither taken nor refused."""
        listening = self.stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = self.stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        return int(listening.getsockname()[1])

    def closed(self) -> int:
        """Return a port on which nobody listens."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return int(free.getsockname()[1])

    def _serve(self, handler: Any, **settings: Any) -> int:
        server = self.stack.enter_context(_Server(("127.0.0.1", 0), handler))
        for name, value in settings.items():
            setattr(server, name, value)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        self.stack.callback(thread.join)
        self.stack.callback(server.shutdown)
        return int(server.server_address[1])
