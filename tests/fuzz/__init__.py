"""Fuzz tests of every file format, setting and endpoint.

Each run has the same two thousand or so cases; `make fuzz` runs many more from a seed that it prints.
"""
