"""What the sandbox's STUN/TURN server answers to each message, whatever brought it."""

from __future__ import annotations

import asyncio
import hmac
import math
import secrets
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from polyai_diag.analysis.turn_username import expires_at
from polyai_diag.sandbox.rhythm import Rhythm
from polyai_diag.sandbox.settings import Way
from polyai_diag.sandbox.turn_allocation import Address, Allocation, Path, Refused, TurnLimits
from polyai_diag.stun_message import (
    FAMILY_IPV4,
    FAMILY_IPV6,
    TRANSPORT_UDP,
    Class,
    Message,
    Method,
    error,
    every,
    is_channel_data,
    long_term_key,
    parse,
    parse_channel_data,
    response,
    unknown_required,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from polyai_diag.sandbox.settings import TurnFaults

SOFTWARE = "polyai-diag sandbox"
_UNSERVED = {"DONT-FRAGMENT": 0x001A}
_WITH_OTHER_ADDRESS = {"CHANGE-REQUEST": 0x0003, "RESPONSE-PORT": 0x0027}


_Transport = tuple[bool, Address]


@dataclass(frozen=True)
class _Request:
    message: Message
    data: bytes
    path: Path
    username: str
    key: bytes


class TurnService:
    """Binding (RFC 8489, RFC 5780) for all, TURN (RFC 8656) for its users."""

    def __init__(
        self,
        host: str,
        users: Mapping[str, str],
        realm: str,
        faults: TurnFaults,
        limits: TurnLimits,
    ) -> None:
        self._host = host
        self._family = FAMILY_IPV6 if ":" in host else FAMILY_IPV4
        self._users = users
        self._realm = realm
        self._faults = faults
        self._limits = limits
        self._nonce_key = secrets.token_bytes(32)
        self._allocations: dict[Path, Allocation] = {}
        self._by_relayed: dict[Address, Allocation] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._refusing: defaultdict[_Transport, Rhythm] = defaultdict(
            lambda: Rhythm(faults.allocate_rhythm)
        )
        self._ignoring: defaultdict[_Transport, Rhythm] = defaultdict(
            lambda: Rhythm(faults.ignore_rhythm)
        )
        self._ignored: set[bytes] = set()  # transactions: over UDP they come several times
        self._handlers = {
            Method.ALLOCATE: self._allocate,
            Method.REFRESH: self._refresh,
            Method.CREATE_PERMISSION: self._create_permission,
            Method.CHANNEL_BIND: self._channel_bind,
        }

    @property
    def allocations(self) -> int:
        """How many are alive."""
        return len(self._allocations)

    @property
    def relayed_addresses(self) -> AbstractSet[Address]:
        """The addresses that are allocated: a live view."""
        return self._by_relayed.keys()

    def serves(self, path: Path) -> bool:
        """Whether this client has an allocation."""
        return path in self._allocations

    def received(self, data: bytes, path: Path) -> None:
        """Take one whole message from a client. Raises StunMalformed when it is none."""
        if is_channel_data(data):
            number, payload = parse_channel_data(data)
            if allocation := self._allocations.get(path):
                allocation.send_on_channel(number, payload)
            return
        message = parse(data)
        if message.message_class is Class.REQUEST and message.message_method is Method.BINDING:
            self._bind(message, data, path)
        elif message.message_class is Class.REQUEST and message.message_method in self._handlers:
            self._request(message, data, path)
        elif message.message_class is Class.INDICATION and message.message_method is Method.SEND:
            self._send_indication(message, data, path)

    def gone(self, path: Path) -> None:
        """Free what belonged to a connection that has ended (RFC 8656 §3.1)."""
        if allocation := self._allocations.get(path):
            allocation.close()

    async def close(self) -> None:
        """Free everything."""
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for allocation in list(self._allocations.values()):
            allocation.close()

    # --- Binding ------------------------------------------------------------------------------

    def _bind(self, message: Message, data: bytes, path: Path) -> None:
        asked = message.attributes
        back = path.moved(asked.get("CHANGE-REQUEST", 0), asked.get("RESPONSE-PORT"))
        if self._faults.binding_error is not None:
            self._send(self._error(message, self._faults.binding_error), path, None)
            return
        unknown = unknown_required(data)
        if back is None:
            unknown += _among(_WITH_OTHER_ADDRESS, message)
        if back is None or unknown:
            self._send(error(message, 420, {"UNKNOWN-ATTRIBUTES": unknown}), path, None)
            return
        seen: dict[str, Any] = {
            "XOR-MAPPED-ADDRESS": path.client,
            "MAPPED-ADDRESS": path.client,
            "RESPONSE-ORIGIN": back.server,
        }
        if path.other:
            seen["OTHER-ADDRESS"] = path.other
        if "PADDING" in asked:
            seen["PADDING"] = asked["PADDING"]
        self._send(response(message, seen), back, None)

    # --- who asks -----------------------------------------------------------------------------

    def _request(self, message: Message, data: bytes, path: Path) -> None:
        answer: Message | None
        key = None
        try:
            username, key = self._check_signature(message)
            self._check_nonce(message)
            request = _Request(message, data, path, username, key)
            unknown = unknown_required(data) + _among(_UNSERVED, message)
            if unknown:
                answer = error(message, 420, {"UNKNOWN-ATTRIBUTES": unknown})
            else:
                answer = self._handlers[message.message_method](request)
        except Refused as refused:
            challenge = {"REALM": self._realm, "NONCE": self._new_nonce()}
            challenges = refused.code in (401, 438)
            answer = self._error(message, refused.code, challenge if challenges else None)
        if answer:
            self._send(answer, path, key)

    def _check_signature(self, message: Message) -> tuple[str, bytes]:
        """Return user name and key of a request that is rightly signed (RFC 8489 §9.2.4)."""
        given = message.attributes
        if "MESSAGE-INTEGRITY" not in given:
            raise Refused((self._faults.refuse_unsigned and self._faults.allocate_error) or 401)
        if not given.keys() >= {"USERNAME", "REALM", "NONCE"}:
            raise Refused(400)
        username = given["USERNAME"]
        password = self._users.get(username)
        if password is None or self._faults.reject_credentials or _has_expired(username):
            raise Refused(self._faults.rejection_code)
        key = long_term_key(username, self._realm, password)
        if not message.check_message_integrity(key):
            raise Refused(self._faults.rejection_code)
        return username, key

    def _check_nonce(self, message: Message) -> None:
        issued, _, seal = message.attributes["NONCE"].partition(b"-")
        now = asyncio.get_running_loop().time()
        genuine = hmac.compare_digest(seal, self._seal(issued))
        if not genuine or now - float(issued) > self._limits.nonce_s:
            raise Refused(438)

    def _new_nonce(self) -> bytes:
        issued = f"{asyncio.get_running_loop().time():.3f}".encode()
        return issued + b"-" + self._seal(issued)

    def _seal(self, issued: bytes) -> bytes:
        return hmac.new(self._nonce_key, issued, "sha256").hexdigest()[:32].encode()

    # --- TURN ---------------------------------------------------------------------------------

    def _allocate(self, request: _Request) -> Message | None:
        asked = request.message.attributes
        known = self._allocations.get(request.path)
        if known is not None:
            if known.transaction_id != request.message.transaction_id:
                raise Refused(437)
            # The request was sent again: its answer is on the way, or got lost.
            return self._allocated(known, request) if known.relayed else None
        if self._ignores(request):
            return None
        error_code = self._faults.allocate_error
        if error_code is not None and self._refusing[_transport(request)].fails():
            raise Refused(error_code)
        if "REQUESTED-TRANSPORT" not in asked:
            raise Refused(400)
        if asked["REQUESTED-TRANSPORT"] != TRANSPORT_UDP:
            raise Refused(442)
        # RFC 8656 §7.2 means IPv4 where none is asked for; servers may be set to the client's own.
        if asked.get("REQUESTED-ADDRESS-FAMILY", self._family) != self._family:
            raise Refused(440)
        if asked.get("EVEN-PORT") or "RESERVATION-TOKEN" in asked:
            raise Refused(508)  # no port is ever kept for a second allocation
        self._check_room(request.username)
        allocation = Allocation(
            request.path,
            request.username,
            request.message.transaction_id,
            self._limits,
            self._forget,
            host=self._host,
            drops=self._dropped_ways(),
        )
        self._allocations[request.path] = allocation
        task = asyncio.create_task(self._open(allocation, request))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return None

    def _ignores(self, request: _Request) -> bool:
        transaction_id = request.message.transaction_id
        if transaction_id not in self._ignored and self._ignoring[_transport(request)].fails():
            self._ignored.add(transaction_id)
        return transaction_id in self._ignored

    def _check_room(self, username: str) -> None:
        theirs = sum(held.username == username for held in self._allocations.values())
        if theirs >= self._limits.allocations_per_user:
            raise Refused(486)
        if len(self._allocations) >= self._limits.allocations:
            raise Refused(508)

    async def _open(self, allocation: Allocation, request: _Request) -> None:
        try:
            await allocation.open(even="EVEN-PORT" in request.message.attributes)
        except OSError:
            allocation.close()
            self._send(error(request.message, 508), request.path, request.key)
            return
        if allocation.relayed is None:
            return
        self._by_relayed[allocation.relayed] = allocation
        allocation.live_for(request.message.attributes.get("LIFETIME"))
        self._send(self._allocated(allocation, request), request.path, request.key)

    @staticmethod
    def _allocated(allocation: Allocation, request: _Request) -> Message:
        granted = {
            "XOR-RELAYED-ADDRESS": allocation.relayed,
            "XOR-MAPPED-ADDRESS": request.path.client,
            "LIFETIME": math.ceil(allocation.lifetime_s),
        }
        return response(request.message, granted)

    def _forget(self, allocation: Allocation) -> None:
        del self._allocations[allocation.path]
        if allocation.relayed:
            del self._by_relayed[allocation.relayed]

    def _allocation_of(self, request: _Request) -> Allocation:
        allocation = self._allocations.get(request.path)
        if allocation is None or allocation.relayed is None:
            raise Refused(437)
        if allocation.username != request.username:
            raise Refused(441)
        return allocation

    def _refresh(self, request: _Request) -> Message:
        allocation = self._allocation_of(request)
        asked_s = request.message.attributes.get("LIFETIME")
        if asked_s == 0:
            allocation.close()
            return response(request.message, {"LIFETIME": 0})
        allocation.live_for(asked_s)
        return response(request.message, {"LIFETIME": math.ceil(allocation.lifetime_s)})

    def _create_permission(self, request: _Request) -> Message:
        allocation = self._allocation_of(request)
        peers: list[Address] = every(request.data, "XOR-PEER-ADDRESS")
        if not peers:
            raise Refused(400)
        self._check_peers("permission")
        allocation.permit({host for host, _ in peers})
        return response(request.message, {})

    def _channel_bind(self, request: _Request) -> Message:
        allocation = self._allocation_of(request)
        asked = request.message.attributes
        number = asked.get("CHANNEL-NUMBER", 0)
        if not 0x4000 <= number <= 0x7FFF or "XOR-PEER-ADDRESS" not in asked:
            raise Refused(400)
        self._check_peers("channel")
        allocation.bind(number, asked["XOR-PEER-ADDRESS"])
        return response(request.message, {})

    def _check_peers(self, asked: str) -> None:
        if self._faults.refuse_peers and asked in self._faults.refused_requests:
            raise Refused(403)

    def _dropped_ways(self) -> tuple[Way, ...]:
        if not self._faults.drop_relayed:
            return ()
        return (self._faults.drops_only,) if self._faults.drops_only else tuple(Way)

    def _error(
        self, to: Message, code: int, attributes: Mapping[str, Any] | None = None
    ) -> Message:
        answer = error(to, code, attributes)
        if self._faults.error_reason:
            answer.attributes["ERROR-CODE"] = (code, self._faults.error_reason)
        return answer

    def _send_indication(self, message: Message, data: bytes, path: Path) -> None:
        asked = message.attributes
        allocation = self._allocations.get(path)
        unknown = unknown_required(data) + _among(_UNSERVED, message)
        if allocation and not unknown and asked.keys() >= {"XOR-PEER-ADDRESS", "DATA"}:
            allocation.send(asked["DATA"], asked["XOR-PEER-ADDRESS"])

    @staticmethod
    def _send(answer: Message, path: Path, key: bytes | None) -> None:
        answer.attributes["SOFTWARE"] = SOFTWARE
        if key is None:
            answer.add_fingerprint()
        else:
            answer.add_message_integrity(key)
        path.send(bytes(answer))


def _transport(request: _Request) -> _Transport:
    return request.path.is_stream, request.path.server


def _has_expired(username: str) -> bool:
    """Whether the time that a REST user name carries has passed."""
    moment = expires_at(username)
    return moment is not None and moment < datetime.now(UTC)


def _among(types: Mapping[str, int], message: Message) -> tuple[int, ...]:
    return tuple(number for name, number in types.items() if name in message.attributes)
