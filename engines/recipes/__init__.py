"""Recipes: how each engine was trained, evaluated and exported. Never shipped; need the extra [train]."""
