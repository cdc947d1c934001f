"""Statistics over many games, each from one query or a few.

This package only counts. `rps_core.promotion` decides what the numbers mean for a promotion.
"""
