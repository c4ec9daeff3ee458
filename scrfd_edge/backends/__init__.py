"""Inference engines behind one small interface. Each is imported only when it is opened."""
