"""`python -m scrfd_edge.cli` is `scrfd-edge`."""

from . import main

main()
