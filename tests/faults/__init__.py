"""Faults injected into real processes under load: acknowledged rounds are never lost, and play resumes on its own.

`make test-faults` runs only these tests. docs/reliability.md lists the promises that they prove.
"""
