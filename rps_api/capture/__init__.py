"""Recording of predictions and their features, for debugging models. Off unless RPS_CAPTURE_INFERENCE_DIR is set.

A request only puts its round into a queue. If the disk is too slow for the queue, rounds are dropped and counted.
"""

from rps_api.capture.recorder import InferenceCapture, open_capture

__all__ = ("InferenceCapture", "open_capture")
