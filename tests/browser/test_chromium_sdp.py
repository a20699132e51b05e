"""What Chromium offers and answers draws no complaint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyai_diag.analysis.sdp_compare import compare_sdp, explained
from polyai_diag.analysis.sdp_lint import lint_sdp
from tests.aio import in_loop
from tests.browser.chromium import chromium_page

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.chromium

_EXCHANGE = """async sections => {
    const [ours, theirs] = [new RTCPeerConnection(), new RTCPeerConnection()];
    try {
        const sound = await navigator.mediaDevices.getUserMedia({audio: true});
        for (const peer of [ours, theirs]) peer.addTrack(sound.getTracks()[0], sound);
        if (sections.includes("video")) ours.addTransceiver("video");
        if (sections.includes("data")) ours.createDataChannel("beside");
        await ours.setLocalDescription(await ours.createOffer());
        await theirs.setRemoteDescription(ours.localDescription);
        await theirs.setLocalDescription(await theirs.createAnswer());
        return [ours.localDescription.sdp, theirs.localDescription.sdp];
    } finally {
        ours.close();
        theirs.close();
    }
}"""


@in_loop
async def test_what_chromium_says_draws_no_complaint(tmp_path: Path) -> None:
    async with chromium_page(tmp_path) as page:
        pairs = [await page.evaluate(_EXCHANGE, s) for s in ([], ["video"], ["video", "data"])]
    for offer, answer in pairs:
        assert lint_sdp(offer, "offer") == lint_sdp(answer, "answer") == []
        assert lint_sdp(offer) == lint_sdp(answer) == []
        assert compare_sdp(offer, answer) == []
        named = {row["parameter"] for row in explained(answer, "answer")}
        assert {"minptime", "useinbandfec"} <= named


_CHANGED = """async ([from, to]) => {
    const [ours, theirs] = [new RTCPeerConnection(), new RTCPeerConnection()];
    try {
        ours.addTransceiver("audio");
        const sdp = (await ours.createOffer()).sdp.replace(from, to);
        try {
            await theirs.setRemoteDescription({type: "offer", sdp});
            await theirs.setLocalDescription();
            return [sdp, true];
        } catch {
            return [sdp, false];
        }
    } finally {
        ours.close();
        theirs.close();
    }
}"""


@pytest.mark.parametrize(
    "change",
    [
        ["s=-\r\n", ""],
        ["a=setup:actpass", "a=setup:holdconn"],
        ["a=setup:actpass\r\n", ""],
        ["UDP/TLS/RTP/SAVPF", "RTP/AVP"],
        ["a=rtcp-mux\r\n", ""],
        ["a=ice-ufrag:", "a=ice-ufrag:!"],
        ["a=mid:0", "a=mid:1"],
    ],
)
@in_loop
async def test_what_chromium_refuses_is_complained_of(change: list[str], tmp_path: Path) -> None:
    async with chromium_page(tmp_path) as page:
        offer, taken = await page.evaluate(_CHANGED, change)
    issues = lint_sdp(offer, "offer")
    assert taken or issues, offer
    assert not (taken and any(issue.severity == "critical" for issue in issues)), issues
