"""Engines as TensorRT plans: precision, building, plan cache, device memory. CPU users never load it."""
