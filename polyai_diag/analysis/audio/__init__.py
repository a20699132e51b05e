"""Pure audio analysis on numpy arrays."""
