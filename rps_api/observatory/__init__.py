"""The live picture of the loop: play, data, models, promotion, cache and what is served, in one answer.

Belongs here: sums, rates, versions and times. Stays out: names, sessions, single games, and anything about a round that
is still to be played; everybody may look.
"""
