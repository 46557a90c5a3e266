"""What runs a sentence encoder: ONNX Runtime or OpenVINO on a CPU, torch on a GPU.

encoder = open_encoder(folder, "mean", weights, config)  # converted first, if that is to be done
encoder.chosen                                           # backend, device, precision, and why
vectors = encoder.encode(ids, mask)
"""

from .choosing import Choice, choose
from .conversion import FORMAT
from .locating import PACKAGED_WEIGHTS, locate
from .opening import Encoder, open_encoder

__all__ = ["FORMAT", "PACKAGED_WEIGHTS", "Choice", "Encoder", "choose", "locate", "open_encoder"]
