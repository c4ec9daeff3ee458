"""Computation redistribution: the paper's search (section 4.2), from samples to figures (extra `search`)."""
