"""Whether the system is told to choose its proxy by a script (PAC). It is found, not evaluated."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

ASK_TIMEOUT_S = 1.0
_GNOME = "org.gnome.system.proxy"


def proxy_script() -> str | None:
    """Return the script's URL, or that it is sought by WPAD; None where none is set.

    Looked for in the environment (`auto_proxy`), then where each system's settings have it.
    """
    for name in ("auto_proxy", "AUTO_PROXY"):
        if script := os.environ.get(name):
            return script
    if sys.platform == "win32":
        return _on_windows()
    return _on_macos() if sys.platform == "darwin" else _on_gnome()


def _on_gnome() -> str | None:
    if _asked("gsettings", "get", _GNOME, "mode").strip("'\n ") != "auto":
        return None
    return _asked("gsettings", "get", _GNOME, "autoconfig-url").strip("'\n ") or "sought by WPAD"


def _on_macos() -> str | None:
    settings = dict(re.findall(r"(\w+) : (\S+)", _asked("scutil", "--proxy")))
    if settings.get("ProxyAutoConfigEnable") == "1":
        return settings.get("ProxyAutoConfigURLString")
    return "sought by WPAD" if settings.get("ProxyAutoDiscoveryEnable") == "1" else None


def _on_windows() -> str | None:
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415 - of Windows alone

        path = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, path) as key:
                return str(winreg.QueryValueEx(key, "AutoConfigURL")[0])
        except OSError:
            return None
    return None


def _asked(*command: str) -> str:
    """Return what a program of the system says, nothing where it is missing or silent."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        asked = subprocess.run(  # noqa: S603 - our own words
            [program, *command[1:]],
            capture_output=True,
            text=True,
            timeout=ASK_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout
