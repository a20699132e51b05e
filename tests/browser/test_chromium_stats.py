"""Chromium's own statistics of a call, pasted: silent where all is well, and where nothing goes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from polyai_diag.analysis.paste import read_paste
from tests.aio import in_loop_for
from tests.browser.chromium import chromium_page

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.chromium

_CALL = """async how => {
    const [ours, theirs] = [new RTCPeerConnection(), new RTCPeerConnection()];
    const statistics = async () => [...(await ours.getStats()).values()];
    const told = async wanted => {
        for (;;) {
            const all = await statistics();
            if (wanted(type => all.find(one => one.type === type) ?? {})) return all;
            await new Promise(again => setTimeout(again, 50));
        }
    };
    try {
        const sound = await navigator.mediaDevices.getUserMedia({audio: true});
        const [track] = sound.getTracks();
        ours.addTrack(track, sound);
        if (how.answered) theirs.addTrack(track, sound);
        if (how.trackGone) await ours.getSenders()[0].replaceTrack(null);
        ours.onicecandidate = ({candidate}) => theirs.addIceCandidate(candidate);
        theirs.onicecandidate = ({candidate}) => ours.addIceCandidate(candidate);
        await ours.setLocalDescription();
        await theirs.setRemoteDescription(ours.localDescription);
        await theirs.setLocalDescription();
        await ours.setRemoteDescription(theirs.localDescription);
        if (how.trackGone) return await told(of => of("inbound-rtp").packetsReceived > 60);
        return await told(of => of("outbound-rtp").packetsSent > 60);
    } finally {
        ours.close();
        theirs.close();
    }
}"""


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"answered": True}, ()),
        ({"answered": True, "trackGone": True}, ("no-audio-sent",)),
    ],
)
@in_loop_for(30)
async def test_what_its_statistics_show(
    how: dict[str, bool], named: tuple[str, ...], tmp_path: Path
) -> None:
    async with chromium_page(tmp_path) as page:
        stats = await page.evaluate(_CALL, how)
    pasted = read_paste(json.dumps(stats), datetime.now(UTC))
    assert pasted is not None
    assert pasted.kind == "a call's statistics (getStats)"
    assert pasted.root_causes == named
