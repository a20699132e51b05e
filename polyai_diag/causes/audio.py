"""Causes of the audio group."""
