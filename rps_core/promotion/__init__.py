"""Promotion: from the record of each model version to the version in each slot."""
