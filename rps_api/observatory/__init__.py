"""The live state of the loop in one reply: play, data, models, promotion, cache and served models.

The reply is public. In scope: totals, rates, versions and times. Out of scope: names, sessions, single games, and
anything about a round that is not played yet.
"""
