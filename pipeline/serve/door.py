"""The doorman in front of every route.

Whoever asks must know a token, or be named by a proxy that has asked who it is; must speak to a name that is ours (so
that no other site's name can be bound to this machine) and must not be another site's page. What a proxy says, of the
address that was asked for or of who asks, counts only when the proxy is one that was named.
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
from pipeline.serve.people import LONGEST, People, is_name

PERSON: Final = "preflight.person"  # in the scope of a request: whose token it has
HEALTH: Final = "/health"
MINE: Final = "me"  # in the place of a token: the page of whom the proxy names. No token is that short
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
    "x-frame-options": "SAMEORIGIN",
}
_NOBODY: Final = "the proxy in front has to say who you are\n需由前置代理指明您的身份\n"
_ANOTHER: Final = "the token is not of the person that the proxy names\n令牌不属于代理所指定的人员\n"
# One parameter of `Forwarded` (RFC 7239, 4), and whether another one, another hop or nothing follows.
_SAID: Final = re.compile(r'\s*([!#$%&\'*+.^`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";,]+))\s*([;,]|$)')


class Door(Struct, frozen=True):
    """What the doorman goes by."""

    people: People
    names: frozenset[str]  # values of the Host header that are ours
    proxies: Sequence[Network] = ()  # whose word counts about host, scheme and who asks
    team: bool = False  # others than one person at this machine come here
    header: str = ""  # in which those proxies name who asks, in small letters; empty: they name nobody


class Misled(ValueError):
    """What proxies say cannot be read, or contradicts itself."""


class Misnamed(Misled):
    """What a proxy says of who asks is no name of a person."""


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
        """Why this request goes no further; else whose it is, and what was asked for, stand in its scope."""
        if self.door.team and scope["path"] == HEALTH and scope["method"] in {"GET", "HEAD"}:
            return 200, "well\n"  # it tells nothing about anybody
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, said = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]},{said}" if key in headers else said
        near = trusted(scope["client"][0] if scope.get("client") else "", self.door.proxies)
        try:
            scheme, host = _asked(headers, near=near)
            named = self._named(scope) if near and self.door.header else None
        except Misnamed as error:
            return 400, str(error)
        except Misled:  # which of them is right cannot be known
            return 400, "proxies contradict each other\n"
        if host not in self.door.names:
            return 421, "wrong host\n"
        person, token, refused = self._person(scope, headers, named)
        if refused is None and (not token or not scope["path"].startswith(f"{API}/")):
            refused = _foreign(scope, headers, f"{scheme}://{host}", landing=not token)
        if refused is None:
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope.update({PERSON: person, "scheme": scheme, "headers": [(b"host", host.encode("latin-1")), *others]})
        return refused

    def _person(
        self, scope: Scope, headers: dict[str, str], named: str | None
    ) -> tuple[str | None, str, tuple[int, str] | None]:
        """Who asks, the token that says so (empty: the proxy alone does), and why nobody is let in."""
        api = scope["path"].startswith(f"{API}/")
        kind, _, given = headers.get("authorization", "").partition(" ")
        token = scope["path"].split("/")[1] if scope["path"].startswith("/") else ""
        if api:  # a proxy may have used that header for words of its own
            token = given.strip() if kind.lower() == "bearer" else ""
        mine = bool(self.door.header) and token in {"", MINE}
        person = named if mine else self.door.people.named(token)
        if person is None:
            return None, token, (401, "no token\n") if api else (401, _NOBODY) if mine else (404, "not found\n")
        return person, "" if mine else token, None if named in {None, person} else (403, _ANOTHER)

    def _named(self, scope: Scope) -> str | None:
        """Whom the proxy names; None: nobody. Raises Misnamed."""
        key = self.door.header
        said = [value for name, value in scope["headers"] if name.decode("latin-1") == key]
        if not said:
            return None
        name: str = said[0].decode("utf-8", "replace")
        if len(said) > 1:
            raise Misnamed(f"the proxy names two people ({key} came twice)\n代理指定了两个人（{key} 出现两次）\n")
        if not is_name(name):
            raise Misnamed(
                f"what the proxy says in {key} is no name of a person: 1 to {LONGEST} letters, figures, or one of "
                f". @ + - _ in UTF-8 are wanted, {len(name)} characters came\n"
                f"代理在 {key} 中给出的不是有效的人员名称：应为 1 至 {LONGEST} 个字母、数字或 . @ + - _（UTF-8），"
                f"收到 {len(name)} 个字符\n"
            )
        return name


def _foreign(scope: Scope, headers: dict[str, str], ours: str, *, landing: bool) -> tuple[int, str] | None:
    """Whether another site's page asks. A browser sends tokens in a header never by itself, and what a proxy knows
    people by always. `landing`: one may come from there to the page itself, as from the site where one signs on."""
    came = headers.get("sec-fetch-site", "none") in {"same-origin", "none"}
    opened = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    if not came and not (landing and opened and scope["method"] == "GET" and scope["path"] in {"/", f"/{MINE}/"}):
        return 403, "asked from another site\n"
    if scope["method"] not in {"GET", "HEAD"} and (
        headers.get("x-preflight") != "1" or headers.get("origin") not in {None, ours}
    ):
        return 403, "asked from another site\n"
    return None


def _asked(headers: dict[str, str], *, near: bool) -> tuple[str, str]:
    """Scheme and host that the browser asked for; `near`: by a proxy whose word counts. Raises Misled."""
    if not near:
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
