"""Engines under contract, and the back-ends that run them."""
