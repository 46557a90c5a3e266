"""Sentence encoders that run on this machine: ONNX Runtime, OpenVINO or torch."""
