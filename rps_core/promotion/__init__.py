"""Promotion: from what each model version achieved to which version belongs in which slot."""
