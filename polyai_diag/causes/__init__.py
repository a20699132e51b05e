"""Causes: what the observations mean."""
