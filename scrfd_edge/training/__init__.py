"""Training as in the paper: sample redistribution, ATSS, quality focal, DIoU and landmark losses (extra `train`)."""
