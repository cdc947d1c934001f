"""Predictions written down with their features, to debug a model. Off unless RPS_CAPTURE_INFERENCE_DIR names a folder.

A request only puts its round into a queue. When the disk is slower than the play, rounds are dropped and counted.
"""

from rps_api.capture.recorder import Capture, InferenceCapture, NoCapture, open_capture

__all__ = ("Capture", "InferenceCapture", "NoCapture", "open_capture")
