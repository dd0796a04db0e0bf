"""Stages: built once with what they need, then called. None imports another."""
