"""What each observation of a browser's check may note, and of which type: the rest is hostile."""

from __future__ import annotations

from typing import Annotated

import msgspec

Text = Annotated[str, msgspec.Meta(max_length=400)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Number = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]


class Browser(msgspec.Struct):
    """Which browser it is, and on what."""

    name: Text = "unknown"
    brand: Text = ""
    version: Text = ""
    system: Text = "unknown"
    mobile: bool = False
    embedded: bool = False
    least: Text = ""
    detail: Text | None = None


class _Detail(msgspec.Struct):
    detail: Text | None = None


class _Secure(_Detail):
    protocol: Text = ""
    media_devices: bool = False


class _Policy(_Detail):
    microphone: bool | None = None
    autoplay: bool | None = None
    framed: bool | None = None
    allow: Text | None = None


class _Permission(_Detail):
    state: Text = "unknown"


class _Devices(_Detail):
    inputs: Count = 0
    outputs: Count = 0
    labels: Annotated[list[Text], msgspec.Meta(max_length=20)] = []


class _Opened(_Detail):
    state: Text = "unknown"
    state_after: Text | None = None
    error: Text | None = None
    denied_by: Text | None = None
    label: Text | None = None
    muted: bool | None = None
    sample_rate_hz: Number | None = None
    channels: Number | None = None
    echo_cancellation: bool | None = None


class _Listened(_Detail):
    context: Text | None = None
    active_level_dbfs: Number | None = None
    floor_dbfs: Number | None = None
    peak_dbfs: Number | None = None
    all_zero: bool | None = None
    silent: bool | None = None
    muted: bool | None = None
    clipped_runs: Count | None = None
    clipped_share: Number | None = None
    band_edge_hz: Number | None = None
    seconds: Number | None = None


class _WebRtc(_Detail):
    overridden: bool = False
    candidates: Count | None = None
    mdns: Count | None = None
    gathered: bool | None = None


class _Opus(_Detail):
    codecs: Annotated[list[Text], msgspec.Meta(max_length=40)] = []
    offered: bool | None = None


class _Violation(_Detail):
    directive: Text = ""


class _Speaker(_Detail):
    context: Text | None = None
    heard: Text | None = None


class _Playback(_Detail):
    packets: Count | None = None
    agent_dbfs: Number | None = None
    paused: bool | None = None
    error: Text | None = None


class _Overhearing(_Detail):
    speaking_s: Number = 0.0
    pausing_s: Number = 0.0
    rise_db: Number = 0.0
    correlation: Number = 0.0


class _Fetched(_Detail):
    status: Count | None = None


class _Upgrade(_Detail):
    host: Text | None = None


class _Answered(_Detail):
    mode: Text | None = None
    code: Text | None = None
    message: Text | None = None
    close_code: Count | None = None
    close_reason: Text | None = None


class _Token(_Detail):
    exp: Number | None = None
    nbf: Number | None = None


class _Server(_Detail, kw_only=True):
    url: Text
    username: Text | None = None
    mapped_address: Text | None = None
    relayed_address: Text | None = None
    gathered: bool | None = None
    codes: Annotated[list[int], msgspec.Meta(max_length=20)] = []
    sent: Count | None = None
    answered: Count | None = None
    rtt_ms: Number | None = None


class _Pair(msgspec.Struct):
    local_type: Text
    remote_type: Text
    remote_address: Text
    state: Text
    relay_transport: Text | None = None
    sent: Count = 0
    answered: Count = 0
    nominated: bool = False


class _Connected(_Detail):
    pairs: Annotated[list[_Pair], msgspec.Meta(max_length=100)] = []
    local: Count = 0
    remote: Count = 0


class _Dtls(_Detail):
    relay_transport: Text | None = None


class _Ended(_Detail):
    after_answer_s: Number | None = None
    close_code: Count | None = None
    media_lives_on: bool | None = None
    code: Text | None = None
    message: Text | None = None
    during: Text | None = None


NOTES: dict[str, type[msgspec.Struct]] = {
    "secure_context": _Secure,
    "browser_version": Browser,
    "frame_policy": _Policy,
    "frame_seen": _Policy,
    "permissions_policy": _Policy,
    "permission_query": _Permission,
    "device_list": _Devices,
    "microphone_open": _Opened,
    "microphone_listen": _Listened,
    "webrtc_support": _WebRtc,
    "opus_support": _Opus,
    "csp_violation": _Violation,
    "speaker_test": _Speaker,
    "playback": _Playback,
    "overhearing": _Overhearing,
    "fetch_from_disk": _Fetched,
    "ice_servers_fetch": _Fetched,
    "websocket_upgrade": _Upgrade,
    "tcp_connect": _Upgrade,
    "token_read": _Token,
    "offer_answer": _Answered,
    "answer_apply": _Detail,
    "stun_binding": _Server,
    "turn_challenge": _Server,
    "turn_allocate": _Server,
    "turn_relayed_echo": _Server,
    "ice_gather": _Connected,
    "ice_connect": _Connected,
    "dtls_handshake": _Dtls,
    "call_hold": _Ended,
    "call_watch": _Ended,
}
"""By operation; an operation that is not here is left out."""
