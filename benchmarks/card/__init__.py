"""Parts of the measurement of a GPU, each a program of its own, which `benchmarks/gpu.py` starts."""
