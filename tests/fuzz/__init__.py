"""Input that nobody would send on purpose: every file that is read, every setting, every endpoint.

About two thousand cases in each test run, always the same ones; `make fuzz` makes many more from a seed that it prints.
"""
