"""How the `regions` engine (face, hand and person boxes) is trained, evaluated and exported."""
