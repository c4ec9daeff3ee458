"""Accuracy: the WIDER FACE protocol, its curves, recall by face size, landmark error, multi-scale testing."""
