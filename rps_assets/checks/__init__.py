"""Asset checks: statements about data, models and serving that can be false; each shows expected and found."""
