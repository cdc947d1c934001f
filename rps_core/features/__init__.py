"""The feature contract, and one row of features for serving."""
