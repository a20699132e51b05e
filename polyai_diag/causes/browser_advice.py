"""What to press, browser by browser and system by system; pages of ours carry it with them."""

from __future__ import annotations

from typing import Any

EMBEDDED = "This is a browser inside an app: open the page in the phone's own browser."

ADVICE: dict[str, dict[str, str]] = {
    "allow-in-browser": {
        "chrome-android": "Press the icon before the address, Permissions, Microphone: Allow.",
        "chrome": "Press the icon before the address, set Microphone to Allow.",
        "edge": "Press the lock before the address, Permissions for this site, Microphone: Allow.",
        "firefox": "Press the struck-out microphone before the address, and take the block away.",
        "safari-macos": "Safari menu, Settings for This Website, Microphone: Allow.",
        "safari-ios": (
            "Press the page menu in the address bar, Website Settings, Microphone: Allow. In "
            "another browser: the Settings app, that browser's entry, Microphone."
        ),
    },
    "allow-in-system": {
        "windows": (
            "Windows: Settings, Privacy & security, Microphone: on, for desktop apps as well."
        ),
        "macos": (
            "macOS: System Settings, Privacy & Security, Microphone: switch the browser on, then "
            "start it again."
        ),
        "ios": "iOS: Settings, Privacy & Security, Microphone: switch the browser on.",
        "android": "Android: Settings, Apps, the browser, Permissions, Microphone: Allow.",
        "linux": "Linux: look at the privacy settings of the desktop, or of Flatpak or Snap.",
        "chromeos": "ChromeOS: Settings, Privacy and security, Microphone access: on.",
    },
    "allow-in-page": {
        "": (
            "The page's owner has to allow it: Permissions-Policy: microphone=(self), and "
            'allow="microphone; autoplay" on the iframe.'
        ),
    },
    "find-microphone": {
        "windows": "Windows: Settings, System, Sound, Input.",
        "macos": "macOS: System Settings, Sound, Input.",
        "linux": "Linux: the desktop's sound settings, Input.",
        "chromeos": "ChromeOS: the quick settings, Audio, Input.",
        "ios": "Take off a Bluetooth headset to hear the phone's own microphone.",
        "android": "Take off a Bluetooth headset to hear the phone's own microphone.",
    },
    "free-microphone": {
        "windows": (
            "If it stays: Settings, System, Sound, the microphone's properties: let no program "
            "take it alone (exclusive mode)."
        ),
        "macos": "If it stays: start the Mac again, which frees a hung audio service.",
        "linux": "If it stays: restart PipeWire or PulseAudio.",
        "ios": "End other calls, and the app that records.",
        "android": "End other calls, and the app that records.",
    },
    "allow-sound": {
        "chrome": "Icon before the address, Site settings, Sound: Allow.",
        "edge": "Lock before the address, Permissions for this site, Media autoplay: Allow.",
        "firefox": "The autoplay icon before the address: Allow Audio and Video.",
        "safari-macos": "Safari menu, Settings for This Website, Auto-Play: Allow All.",
        "safari-ios": "Touch the page once before the call; look at the ring/silent switch.",
    },
}
"""By situation; within it by browser and system, by browser, by system, or for all ("")."""

SITUATIONS = {
    "microphone-missing": "find-microphone",
    "microphone-silent": "find-microphone",
    "microphone-busy": "free-microphone",
    "playback-blocked": "allow-sound",
}
"""By cause; the refused microphone depends on who refused it."""

DENIALS = {"system": "allow-in-system", "policy": "allow-in-page", "": "allow-in-browser"}


def advice(situation: str, browser: dict[str, Any]) -> str:
    """Return what to press in that situation, empty where nothing particular is known."""
    if browser.get("embedded") is True:
        return EMBEDDED
    name, system = str(browser.get("name")), str(browser.get("system"))
    known = ADVICE[situation]
    keys = (f"{name}-{system}", name, system, "")
    return next((known[key] for key in keys if key in known), "")
