"""Endpoints for the promotion ledger, for promotions by operators, and for reports of trainings.

`rps_core.promotion` decides on promotions.
"""
