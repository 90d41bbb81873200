"""Turns hosts as people write them into base URLs, and refuses those no key may be sent to. Resolves no name."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

OLLAMA_PORT = 11434

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\Z")
_NUMERIC = re.compile(r"[0-9a-fx.]*\Z")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*\Z")
_STANDARD_PORTS = {"http": 80, "https": 443}


class BadHost(ValueError):
    """The text names no host that may be dialled; the message says why, for people, without the text itself."""


class BadPort(BadHost):
    """Only the port is wrong."""


def ollama_url(text: str, *, port: int | None = None) -> str:
    """The base URL of an Ollama host, read as Ollama reads OLLAMA_HOST.

    Without a scheme it is http and port 11434; `http://h` means port 80, `https://h` 443, `ollama.com` its https.
    `port` is used instead where the text itself names none. Empty, `0.0.0.0` and `::` mean this machine. A final
    `/v1` or `/api`, which belongs to one of Ollama's own routes, is dropped. Raises BadHost.
    """
    parts = _split(text)
    host = parts.host or "127.0.0.1"
    if parts.scheme is None and host == "ollama.com":
        return _join("https", host, parts.port or port or 443, parts.path)
    scheme = parts.scheme or "http"
    usual_port = _STANDARD_PORTS[scheme] if parts.scheme else OLLAMA_PORT
    return re.sub(r"/(?:v1|api)\Z", "", _join(scheme, host, parts.port or port or usual_port, parts.path))


def cloud_url(text: str) -> str:
    """The base URL of an HTTP API: https unless a scheme says otherwise, http for this machine. Raises BadHost."""
    parts = _split(text)
    if not parts.host:
        raise BadHost("must name a host")
    scheme = parts.scheme or ("http" if _is_loopback_host(parts.host) else "https")
    return _join(scheme, parts.host, parts.port or _STANDARD_PORTS[scheme], parts.path)


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of a base URL made here: what trust is given to."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(url: str) -> bool:
    """Whether a base URL made here stays on this machine, going by its address or the name `localhost`.

    A name below `.localhost` does not count: not every resolver keeps it here.
    """
    return _is_loopback_host(urlsplit(url).hostname or "")


@dataclass(frozen=True, slots=True)
class _Parts:
    """`host` is "" when left out; an IPv6 address stands without brackets."""

    scheme: str | None
    host: str
    port: int | None
    path: str


def _split(text: str) -> _Parts:
    rest = text.strip().strip("\"'").strip()
    scheme = None
    if found := _SCHEME.match(rest):
        scheme, rest = found[1].lower(), rest[found.end() :]
    if scheme not in (None, "http", "https"):
        raise BadHost("must be an http or https address")
    if re.search(r"[\s\\\x00-\x1f\x7f]", rest):
        raise BadHost("holds a blank or a backslash")
    if "?" in rest or "#" in rest:
        raise BadHost("must end with its path; no ? or # may follow")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        raise BadHost("must not hold a user name or password; use basicAuth or apiKey")
    host, port = _host_and_port(authority)
    return _Parts(scheme, _checked(host), port, _checked_path(slash + path))


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if authority.startswith("["):
        host, closed, port = authority[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise BadHost("has an IPv6 address whose brackets do not match")
        return host, _port(port[1:]) if port else None
    if authority.count(":") > 1:
        return authority, None
    host, colon, port = authority.partition(":")
    return host, _port(port) if colon else None


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise BadPort("has a port that is not a number from 1 to 65535")
    return int(text)


def _checked(host: str) -> str:
    """The host in the one form it is compared and dialled in."""
    if not host:
        return ""
    if ":" in host:
        return _checked_address(host)
    try:
        name = host.lower().rstrip(".") if host.isascii() else host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise BadHost("has a name that is no domain name") from error
    if _NUMERIC.match(name) and _is_number(name):
        return _checked_address(name)
    if not _NAME.match(name) or len(name) > 253:
        raise BadHost("has a name that is no domain name")
    return name


def _is_number(name: str) -> bool:
    # Resolvers also take 2852039166 and 0xa9.254.43518 for addresses; those must not slip past the check below.
    try:
        socket.inet_aton(name)
    except OSError:
        return False
    return True


def _checked_address(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise BadHost("has an address that must be written in full, like 192.0.2.7 or [2001:db8::7]") from error
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise BadHost("must not name a network interface")
        address = address.ipv4_mapped or address
    if address.is_link_local:
        raise BadHost("is a link-local address, which no model is served from")
    if address.is_multicast or address == ipaddress.IPv4Address("255.255.255.255"):
        raise BadHost("is not the address of one machine")
    if address.is_unspecified:
        # A server's "on every interface" is copied into clients often; it is dialled as this machine.
        return "127.0.0.1" if address.version == 4 else "::1"
    return str(address)


def _checked_path(path: str) -> str:
    stripped = path.rstrip("/")
    if not _PATH.match(stripped) or any(part in (".", "..", "") for part in stripped.split("/")[1:]):
        raise BadHost("has a path with empty parts, dots or characters that do not belong there")
    return stripped


def _is_loopback_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _join(scheme: str, host: str, port: int, path: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}{'' if port == _STANDARD_PORTS[scheme] else f':{port}'}{path}"
