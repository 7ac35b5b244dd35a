"""The doorman in front of every route.

Whoever asks must know a token, must speak to a name that is ours (so that no other site's name can be bound to this
machine) and must not be another site's page. What a proxy says about the address that was asked for counts only when
the proxy is one that was named.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.serve.messages import API
from pipeline.serve.people import People

PERSON: Final = "preflight.person"  # in the scope of a request: whose token it has
HEALTH: Final = "/health"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
    "x-frame-options": "SAMEORIGIN",
}
# One parameter of `Forwarded` (RFC 7239, 4), and whether another one, another hop or nothing follows.
_SAID: Final = re.compile(r'\s*([!#$%&\'*+.^`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";,]+))\s*([;,]|$)')


class Door(Struct, frozen=True):
    """What the doorman goes by."""

    people: People
    names: frozenset[str]  # values of the Host header that are ours
    proxies: Sequence[Network] = ()  # whose word about host and scheme counts
    team: bool = False  # others than one person at this machine come here


class Misled(ValueError):
    """What proxies say cannot be read, or contradicts itself."""


class Doorman:
    """Refuses strangers before any route sees them, and adds the headers that keep browsers strict."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self.app, self.door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((k.encode(), v.encode()) for k, v in _HEADERS.items() if k.encode() not in present),
                ]
            await send(message)

        refused = self._refused(scope)
        if refused is None:
            try:
                await self.app(scope, receive, strict)
            except Exception:  # noqa: BLE001  answered and reported by the page; Starlette raises it again for a log
                return
        else:
            more = {"www-authenticate": "Bearer"} if refused[0] == 401 else None
            await PlainTextResponse(refused[1], refused[0], more)(scope, receive, strict)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        if self.door.team and scope["path"] == HEALTH and scope["method"] in {"GET", "HEAD"}:
            return 200, "well\n"  # it tells nothing about anybody
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, said = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]},{said}" if key in headers else said
        try:
            scheme, host = self._asked(scope, headers)
        except Misled:  # which of them is right cannot be known
            return 400, "proxies contradict each other\n"
        if host not in self.door.names:
            return 421, "wrong host\n"
        if scope["path"].startswith(f"{API}/"):
            # No browser sends this header by itself, so no other site's page can ask in somebody's name.
            kind, _, given = headers.get("authorization", "").partition(" ")
            person = self.door.people.named(given.strip()) if kind.lower() == "bearer" else None
            if person is None:
                return 401, "no token\n"
            scope[PERSON] = person
            return None
        given = scope["path"].split("/")[1] if scope["path"].startswith("/") else ""
        person = self.door.people.named(given)
        if person is None:
            return 404, "not found\n"
        if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            return 403, "asked from another site\n"
        if scope["method"] not in {"GET", "HEAD"} and (
            headers.get("x-preflight") != "1" or headers.get("origin") not in {None, f"{scheme}://{host}"}
        ):
            return 403, "asked from another site\n"
        scope[PERSON] = person
        return None

    def _asked(self, scope: Scope, headers: dict[str, str]) -> tuple[str, str]:
        """Scheme and host that the browser asked for. Raises Misled."""
        peer = scope["client"][0] if scope.get("client") else ""
        if not trusted(peer, self.door.proxies):
            return "http", headers.get("host", "")
        said = {key: headers[f"x-forwarded-{key}"].rpartition(",")[2].strip() for key in ("host", "proto")
                if f"x-forwarded-{key}" in headers}  # fmt: skip
        if "forwarded" in headers:
            last = forwarded(headers["forwarded"])[-1]
            if any(last.get(key, value) != value for key, value in said.items()):
                raise Misled
            said |= {key: last[key] for key in ("host", "proto") if key in last}
        scheme = said.get("proto", "http").lower()
        if scheme not in {"http", "https"}:
            raise Misled
        return scheme, said.get("host", headers.get("host", "")).lower()


def trusted(peer: str, proxies: Sequence[Network]) -> bool:
    """Whether this address is that of a proxy that was named."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:  # a socket that is no address
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in proxies)


def forwarded(header: str) -> list[dict[str, str]]:
    """What each hop of a `Forwarded` header says (RFC 7239), the nearest one last. Raises Misled."""
    hops: list[dict[str, str]] = [{}]
    at = 0
    while at < len(header):
        found = _SAID.match(header, at)
        if found is None:
            raise Misled
        name, quoted, plain, end = found.groups()
        if name.lower() in hops[-1]:
            raise Misled  # said twice
        hops[-1][name.lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = found.end()
        if end == ",":
            hops.append({})
    return hops
