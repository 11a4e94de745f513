"""Options of a client, resolved once: what is given, else the environment, else 0.1's defaults."""

from __future__ import annotations

import base64
import os
import re
import ssl
from dataclasses import dataclass
from typing import Optional, Tuple
from urllib.parse import unquote, urlsplit

DEFAULT_URL = "http://localhost:8000"
#: Of one wait on the network; a live replay stays within it.
TIMEOUT_S = 30.0
RETRIES = 3


@dataclass(frozen=True)
class Config:
    #: Without credentials and without a trailing slash.
    base_url: str
    scheme: str
    host: str
    port: int
    #: What stands before every path: "" or, say, "/t/<key>".
    prefix: str
    authorization: Optional[str]
    service_name: str
    timeout_s: float
    max_retries: int
    ssl_context: Optional[ssl.SSLContext]

    @property
    def shown_url(self) -> str:
        """Fit to be shown: without a key in its path."""
        return re.sub(r"/t/[^/]+", "/t/…", self.base_url)


def resolve_config(
    base_url: Optional[str] = None,
    service_name: Optional[str] = None,
    timeout: Optional[float] = None,
    *,
    api_key: Optional[str] = None,
    timeout_ms: Optional[float] = None,
    max_retries: Optional[int] = None,
    ssl_context: Optional[ssl.SSLContext] = None,
) -> Config:
    """Raises ValueError for an option that cannot be meant."""
    given = base_url or os.environ.get("LOOPGRID_URL") or DEFAULT_URL
    url = urlsplit(given)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("base_url must be an http or https URL")
    if url.query or url.fragment:
        raise ValueError("base_url must have no query and no fragment")
    if re.search(r"[\x00-\x20\x7f]", given):
        raise ValueError("base_url must have no spaces or control characters")
    basic = _basic(url.username, url.password)
    key = api_key if api_key is not None else (None if basic else os.environ.get("LOOPGRID_API_KEY"))
    if key and not re.fullmatch(r"[\x21-\x7e]+", key):
        raise ValueError("api_key must be visible ASCII")
    seconds = timeout_ms / 1000 if timeout_ms is not None else timeout or TIMEOUT_S
    retries = RETRIES if max_retries is None else max_retries
    if seconds <= 0:
        raise ValueError("timeout_ms must be above 0")
    if retries < 0:
        raise ValueError("max_retries must not be negative")
    host, port = _address(url.scheme, url.hostname, url.port)
    prefix = url.path.rstrip("/")
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if url.port is None else f":{port}"
    return Config(
        base_url=f"{url.scheme}://{shown_host}{shown_port}{prefix}",
        scheme=url.scheme,
        host=host,
        port=port,
        prefix=prefix,
        authorization=f"Bearer {key}" if key else basic,
        service_name=service_name or os.environ.get("LOOPGRID_SERVICE") or "default",
        timeout_s=seconds,
        max_retries=retries,
        ssl_context=ssl_context,
    )


def _address(scheme: str, host: str, port: Optional[int]) -> Tuple[str, int]:
    return host, port if port is not None else (443 if scheme == "https" else 80)


def _basic(username: Optional[str], password: Optional[str]) -> Optional[str]:
    """What `requests`, and so 0.1, made of `http://user:key@host`."""
    if username is None and password is None:
        return None
    pair = f"{unquote(username or '')}:{unquote(password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
