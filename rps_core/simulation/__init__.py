"""Scripted players, and a simulator that plays their games over HTTP."""
