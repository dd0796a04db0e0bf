"""What a host talks to: events in, JSON lines out, and the loops around them."""
