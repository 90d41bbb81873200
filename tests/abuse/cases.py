"""The cases of abuse that sonar must live through. F is how clients misbehave, H what must not be given away."""

from types import MappingProxyType

from tests.casebook import Casebook

CASES = MappingProxyType(
    {
        "F1": "1,000 silent connections are closed after 5 s; health answers meanwhile",
        "F2": "a head or a body that drips in is cut off with 408",
        "F3": "a caller that never reads is cut off, and its work ends",
        "F4": "a body that is or grows too large is refused with 413 and not kept",
        "F5": "ambiguous or broken framing is refused with 400 and closed",
        "F6": "noise, TLS, HTTP/2 and NULs are refused with 400; nothing leaks",
        "F7": "a head over 16 KiB or 100 fields is refused with 431",
        "F8": "pipelined requests are answered in order, or closed after the hundredth",
        "F9": "a half-closed caller gets its reply on the socket; on the port it counts as gone",
        "F10": "a caller that leaves at any byte leaves no task behind",
        "F11": "text that is no clean UTF-8 is refused with its place",
        "F12": "JSON too deep, too long or not finite is refused",
        "F13": "a wrong method, path, type or address is 404, 405 or 415 in JSON",
        "F14": "work beyond the queue is 429 with Retry-After; health still answers",
        "F15": "a greedy caller does not make a polite one wait",
        "F16": "one idempotency key is one call and equal replies; another body is 422",
        "H10": "a rebound host name is refused with 403",
        "H11": "no web page of any origin can read or spend, and GET changes nothing",
        "H12": "no address but this machine's is listened on, and the port wants a token",
        "H13": "metadata services, other schemes, userinfo and redirects are not called",
    }
)
"""Number → required outcome."""

CASEBOOK = Casebook(CASES, ("server", "daemon", "system", "config", "providers"))
