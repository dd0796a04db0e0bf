"""Rule files: read, inherited, checked, compared and tested."""
