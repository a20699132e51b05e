"""Media: Opus and RTP, sent, tapped and placed by timestamp."""
