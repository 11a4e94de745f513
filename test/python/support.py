"""What the Python client's tests share: where the server is, a provider that answers what it is told, and
a proxy that loses what it is told to lose."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "src" / "sdk" / "python"
#: Of a LoopGrid server whose OPENAI_BASE_URL and ANTHROPIC_BASE_URL are the provider's.
URL = os.environ["LOOPGRID_URL"]
PROVIDER_PORT = int(os.environ.get("LOOPGRID_TEST_PROVIDER_PORT", "0"))

Answer = Tuple[int, Dict[str, str], List[bytes]]


class Received:
    def __init__(self, method: str, path: str, headers: Dict[str, str], body: bytes) -> None:
        self.method, self.path, self.headers, self.body = method, path, headers, body

    def json(self) -> Any:
        return json.loads(self.body)


class LocalServer:
    """HTTP/1.1 on loopback. `answer` gets what was received, and answers status, headers and pieces."""

    def __init__(self, answer: Callable[[Received], Optional[Answer]], port: int = 0) -> None:
        self.received: List[Received] = []
        self.connections = 0
        self._open: List[socket.socket] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                outer.connections += 1
                outer._open.append(self.connection)

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = Received(self.command, self.path, headers, body)
                outer.received.append(received)
                made = answer(received)
                if made is None:  # no answer: the connection breaks
                    self.close_connection = True
                    return
                status, more, pieces = made
                self.send_response(status)
                is_chunked = "Content-Length" not in more
                for name, value in more.items():
                    self.send_header(name, value)
                if is_chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    for piece in pieces:
                        self._send_piece(piece, is_chunked)
                    if is_chunked:
                        self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    self.close_connection = True

            def _send_piece(self, piece: bytes, is_chunked: bool) -> None:
                if is_chunked:
                    piece = b"%x\r\n%b\r\n" % (len(piece), piece)
                self.wfile.write(piece)
                self.wfile.flush()

            do_GET = do_POST = do_PUT = do_DELETE = _any

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # clients that go away are what is tested

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in self._open:  # kept alive by whoever called
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def json_answer(status: int, body: Any, headers: Optional[Dict[str, str]] = None) -> Answer:
    octets = json.dumps(body).encode()
    common = {"Content-Type": "application/json", "Content-Length": str(len(octets))}
    return status, {**common, **(headers or {})}, [octets]


def gzip_answer(status: int, body: Any) -> Answer:
    octets = gzip.compress(json.dumps(body).encode())
    headers = {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "Content-Length": str(len(octets)),
    }
    return status, headers, [octets]


def problem(status: int, detail: str, headers: Optional[Dict[str, str]] = None) -> Answer:
    body = {"type": "about:blank", "title": "x", "status": status, "detail": detail}
    return json_answer(status, body, headers)


class LossyProxy(LocalServer):
    """Stands before the real server. `plan` says of each request that is to be disturbed, in turn:

    "lose": forward it, and lose the answer · "break": do not even forward it · an Answer: give that
    """

    def __init__(self) -> None:
        self.plan: List[Any] = []
        self._lock = threading.Lock()
        super().__init__(self._pass_on)

    def _pass_on(self, received: Received) -> Optional[Answer]:
        with self._lock:
            step = self.plan.pop(0) if self.plan else None
        if step == "break":
            return None
        if isinstance(step, tuple):
            return step
        target = urlsplit(URL)
        connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=60)
        kept = {
            name: value
            for name, value in received.headers.items()
            if name not in ("host", "connection", "content-length")
        }
        connection.request(received.method, received.path, received.body, kept)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if step == "lose":
            return None
        headers = {
            name: value
            for name, value in response.headers.items()
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date")
        }
        return response.status, {**headers, "Content-Length": str(len(body))}, [body]


def run_python(code: str, *args: str, timeout_s: float = 60, **env: str) -> "subprocess.CompletedProcess[str]":
    """A process of its own that has the client on its path."""
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env={**os.environ, "PYTHONPATH": str(PACKAGE), **env},
    )


def unique(name: str) -> str:
    """A service nobody else writes to."""
    return f"{name}-{os.getpid()}-{time.monotonic_ns()}"


def wait_for(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come to be in time")
        time.sleep(0.01)


DECISION: Dict[str, Any] = {
    "decision_type": "reply",
    "input": {"message": "I was charged twice"},
    "model": {"provider": "openai", "name": "gpt-4"},
    "output": {"response": "Your account looks fine."},
}
