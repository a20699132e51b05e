"""Report: a record with today's judgement, and its faces."""
