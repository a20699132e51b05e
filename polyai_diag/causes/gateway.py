"""Causes of the gateway group."""
