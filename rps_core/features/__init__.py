"""The feature contract and its two executions: one row for serving, a whole frame for training."""
