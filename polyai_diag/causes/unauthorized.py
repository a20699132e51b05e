"""Causes of the unauthorized group."""
