"""What to do next, chosen by what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from polyai_diag.causes import CAUSES
from polyai_diag.model import BROWSER, Actor, Guide, Severity, Verdict
from polyai_diag.notebook.guide import EVERYTHING, NOTEBOOKS, Topic, home_of, topic_of
from polyai_diag.report.handover import NAMES
from polyai_diag.report.story import GUIDE_SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.report.story import Root, Story

_MOST_OTHERS = 4
_VERIFY = "polyai-diag verify request.json"
_AGAIN = "Then press Run again: what failed above must say “works”."


class Do(NamedTuple):
    """One thing to do: a sentence, with a command to copy or a notebook to open."""

    text: str
    command: str = ""
    notebook: str = ""  # without its ending


class Next(NamedTuple):
    """What to do, in order, under a heading that says why."""

    title: str
    todo: tuple[Do, ...]

    @property
    def notebooks(self) -> tuple[str, ...]:
        """The notebooks that it leads to, the first first."""
        return tuple(do.notebook for do in self.todo if do.notebook)


def next_step(section: str, story: Story, *, left_out: bool = False) -> Next:
    """Choose by the first root cause; where there is none, by the section.

    `left_out` says that the run was not asked for all that the section looks at.
    """
    if story.roots:
        return Next(_title(story.roots[0]), tuple(_after(section, story)))
    if story.report.verdict is Verdict.INCOMPLETE:
        return Next(story.headline, (Do("Press Run again, and let it finish."),))
    return _MORE if left_out else _HEALTHY[section]


def _title(root: Root) -> str:
    works = "" if root.finding.severity is Severity.CRITICAL else " The call works all the same."
    return f"{root.title}.{works}"


def _after(section: str, story: Story) -> Iterator[Do]:
    first, *others = story.roots
    home = home_of(first.finding)
    if section == EVERYTHING and home:
        yield Do("The walk through just this: open", notebook=NOTEBOOKS[home])
    elif home and home != section:
        yield Do(_not_here(section, home), notebook=NOTEBOOKS[home])
    yield Do(first.finding.remedy)
    yield from _handed_over(story, first)
    for other in others[:_MOST_OTHERS]:
        there = home_of(other.finding)
        elsewhere = there is not None and there not in (section, home)
        yield Do(
            f"Then see to this as well: {other.title}.",
            notebook=NOTEBOOKS[there] if there and elsewhere else "",
        )


def _not_here(section: str, home: str) -> str:
    if home == BROWSER:
        return "It is the browser, not the network: go on in"
    return (
        f"This is no fault of “{GUIDE_SECTIONS[Guide(section)]}” but of "
        f"“{GUIDE_SECTIONS[Guide(home)]}”: go on in"
    )


def _handed_over(story: Story, root: Root) -> Iterator[Do]:
    """Say who gets which text, and how to see that it helped."""
    row = CAUSES.get(root.finding.id)
    actor = row.acts if row else Actor.GATEWAY
    text = f"Send {NAMES[actor]} the text that the panel has for them under “To send”."
    if actor is Actor.NETWORK and story.firewall.blocked and topic_of(root.finding) in _FIREWALLED:
        yield Do(
            f"Send {NAMES[actor]} the firewall request, in the panel under “Firewall”: "
            "it names each host, protocol and port."
        )
        yield Do("Once they have changed it, try each line:", _VERIFY)
    elif actor is Actor.GATEWAY:
        yield Do(f"{text} It names the callSid that they search for.")
    elif topic_of(root.finding) is Topic.DEVICE:
        yield Do("Then run the check again in that browser.")
        return
    else:
        yield Do(text)
    yield Do(_AGAIN)


_FIREWALLED = (Topic.UDP, Topic.RELAY, Topic.RELAY_OVER_TCP, Topic.PATH)

_MORE = Next(
    "Nothing wrong in what was measured, and not all of this was.",
    (Do("In the panel choose this complaint, or none in particular, and press Run."),),
)
_ELSEWHERE = Do(
    "Their browser, microphone and network are checked by one page that you send them:",
    "polyai-diag page --region us-1 -o check.html",
)
_COMPARED = Do(
    "Two reports side by side, yours and the customer's, tell whose side it is:",
    "polyai-diag compare yours.json customers.json --vantage",
)

_HEALTHY = {
    EVERYTHING: Next(
        "From here the call works.",
        (
            Do("Go by the complaint. “Unauthorized”:", notebook=NOTEBOOKS["unauthorized"]),
            Do("“No audio”:", notebook=NOTEBOOKS["no-audio"]),
            Do("“ICE connection fails”:", notebook=NOTEBOOKS["ice"]),
            Do("Their browser and microphone:", notebook=NOTEBOOKS[BROWSER]),
        ),
    ),
    Guide.UNAUTHORIZED.value: Next(
        "This token works from here. So the customer sends another, or sends it otherwise.",
        (
            Do(
                "Compare the tokens by their “sha256” (panel, tab Network): never have one "
                "sent to you."
            ),
            Do(
                "Ask for the offer that their client sends (browser, developer tools, Network, "
                "WS, Messages), and have it read by lint_frame in",
                notebook=NOTEBOOKS["scripts"],
            ),
            Do("A token is good in its own region alone. Which region takes it:",
               "polyai-diag run --region all --token-env POLYAI_TOKEN"),
        ),
    ),
    Guide.NO_AUDIO.value: Next(
        "Sound gets there and back from here. What is left is the customer's own side.",
        (
            Do("Microphone, permission and speaker of this browser:", notebook=NOTEBOOKS[BROWSER]),
            _ELSEWHERE,
            Do("A recording of a bad call tells what happened to the sound:",
               "polyai-diag analyze recording.wav"),
        ),
    ),
    Guide.ICE.value: Next(
        "From here ICE connects. So the customer's network or browser differs.",
        (
            _ELSEWHERE,
            Do("The same check in this browser:", notebook=NOTEBOOKS[BROWSER]),
            _COMPARED,
        ),
    ),
}  # fmt: skip
