"""Probes: what happened on the wire, one protocol a file."""
