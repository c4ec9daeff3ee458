"""Computation redistribution: the paper's search for networks (section 4.2), from samples to figures (extra `search`)."""
