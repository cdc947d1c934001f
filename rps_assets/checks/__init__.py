"""Asset checks: statements about data, models and serving that can be false. Each shows what it expected and found."""
