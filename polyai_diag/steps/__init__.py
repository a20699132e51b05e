"""The nine steps, one check a file."""
