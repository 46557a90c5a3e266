"""What runs a sentence encoder: ONNX Runtime or OpenVINO on a CPU, torch on a GPU.

chosen = choose(config)                 # backend, device, precision, and why
encoder = open_encoder(model, chosen)   # converted first, if that has not been done before
vectors = encoder.encode(ids, mask)
"""

from .choosing import Choice, choose
from .locating import PACKAGED_WEIGHTS, locate
from .opening import Encoder, open_encoder, or_fp32

__all__ = ["PACKAGED_WEIGHTS", "Choice", "Encoder", "choose", "locate", "open_encoder", "or_fp32"]
