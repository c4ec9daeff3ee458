"""Turns a trained SCRFD network into the files that engines read: ONNX, OpenVINO, TFLite; FP32 and INT8."""
