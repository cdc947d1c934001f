"""Faults of every kind, done to real processes under load: what is acknowledged stays, and play comes back by itself.

`make test-faults` runs what is here, apart from the other tests; docs/reliability.md tells what each fault proves.
"""
