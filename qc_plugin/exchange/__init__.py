"""Reports in the formats of other tools, what people corrected there back in, and the replay of one row."""
