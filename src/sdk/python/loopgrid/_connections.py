"""Connections that are kept alive, shared by threads, never by processes."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from typing import List, Optional, Tuple

from ._config import Config

#: More than this many at once are opened and closed again.
IDLE_MAX = 16


class ConnectionPool:
    def __init__(self, config: Config) -> None:
        self._config = config
        self._idle: List[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._ssl: Optional[ssl.SSLContext] = config.ssl_context

    def take(self) -> Tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it was used before."""
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if not _is_dead(connection):
                    return connection, True
                connection.close()
        return self._new(), False

    def give(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        """Takes it back once the answer was read whole."""
        with self._lock:
            if not response.will_close and len(self._idle) < IDLE_MAX:
                self._idle.append(connection)
                return
        connection.close()

    def after_fork(self) -> None:
        """The parent goes on using these sockets."""
        self._idle = []
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        for connection in self._idle:
            connection.close()

    def _new(self) -> http.client.HTTPConnection:
        config = self._config
        if config.scheme == "http":
            return http.client.HTTPConnection(config.host, config.port, timeout=config.timeout_s)
        if self._ssl is None:
            self._ssl = ssl.create_default_context()
        return http.client.HTTPSConnection(
            config.host, config.port, timeout=config.timeout_s, context=self._ssl
        )


def _is_dead(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed it: an idle connection that can be read holds its end, no answer."""
    sock = connection.sock
    if sock is None:
        return True
    try:
        sock.setblocking(False)
        try:
            return len(sock.recv(1, 0 if isinstance(sock, ssl.SSLSocket) else socket.MSG_PEEK)) >= 0
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            sock.settimeout(connection.timeout)
    except OSError:
        return True
