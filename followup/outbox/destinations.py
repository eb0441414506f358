"""Webhook destinations: which addresses events may be sent to.

A destination is chosen by whoever manages the service, who may not reach everything that the server
does (server-side request forgery). So it is https, on the internet, or in a network that the
operator named; and each connection is held to that, whatever a name server says by then.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, quote, urlsplit

from followup.context import WebhookPolicy
from followup.domain.errors import InvalidInput

LONGEST = 2000
NAT64 = IPv6Network("64:ff9b::/96")
"""Leads to the IPv4 address in its last 32 bits (RFC 6052)."""
INTERNET = IPv6Network("2000::/3")
"""All of IPv6 that is given out (RFC 4291, 2.4).

In the rest are more dresses of IPv4 addresses, old site-local networks and routers' own, which
`is_global` does not know.
"""
NEARBY = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("3fff::/20"),
)
"""Kept for special uses, and taken for the internet by some versions of Python."""
_IN_TARGETS = "/?:@!$&'()*+,;=%-._~"


def check_destination(url: str, policy: WebhookPolicy) -> SplitResult:
    """Return the parts of an address that events may be sent to; raise `InvalidInput`."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        # A name with an empty label, or one of over 63 letters, can't even be looked up.
        host.encode("idna")
    except ValueError:
        raise _refusal("this is not an address; write it like https://host/path") from None
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        raise _refusal(f"use at most {LONGEST} printable ASCII characters, and no space")
    if not host or parts.scheme not in {"http", "https"}:
        raise _refusal("this is not an address; write it like https://host/path")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _refusal("leave user, password and fragment out of the address")
    if parts.scheme == "http" and not (policy.loopback and _is_this_machine(host)):
        raise _refusal("use https")
    if (address := _address(host)) is not None and not is_allowed(host, policy):
        raise _refusal(
            f"{address} is not on the internet; name its network in FOLLOWUP_WEBHOOK_NETWORKS"
        )
    return parts


def target_of(parts: SplitResult) -> str:
    """Return path and query as a request names them."""
    return quote(f"{parts.path or '/'}{parts.query and '?'}{parts.query}", safe=_IN_TARGETS)


def is_allowed(peer: str, policy: WebhookPolicy) -> bool:
    """Say whether a connection may be made to this IP address."""
    address = _address(peer)
    if address is None:
        return False
    if any(address in network for network in policy.networks):
        return True
    if address.is_loopback:
        return policy.loopback
    if isinstance(address, IPv6Address) and address not in INTERNET:
        return False
    special = any(address in network for network in NEARBY)
    return address.is_global and not address.is_multicast and not special


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that this leads to in the end; None for a name."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return (
        address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address
    )


def _is_this_machine(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _refusal(message: str) -> InvalidInput:
    return InvalidInput.of("url", message)
