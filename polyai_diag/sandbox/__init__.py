"""A whole gateway on this machine, and everything that can be broken in it."""
