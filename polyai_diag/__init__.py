"""Diagnostics for voice calls to the PolyAI WebRTC gateway."""

__version__ = "0.1.0"
