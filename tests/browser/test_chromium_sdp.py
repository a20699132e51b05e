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
