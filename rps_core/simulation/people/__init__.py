"""Simulated people: who they are, how they play, and whole games of them."""
