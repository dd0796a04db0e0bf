"""Decoding in processes that may be killed: what a hostile file breaks is not ours.

Door: `samples.open_samples`. `server` and `decoding` run on the other side; nothing they send is trusted.
"""
