"""Causes of the ice group."""
