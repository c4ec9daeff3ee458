"""Face detection that runs everywhere: SCRFD for CPUs and phones."""
