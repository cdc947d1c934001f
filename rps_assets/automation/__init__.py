"""What runs without being asked: jobs, sensors, the schedule, and the plain decisions behind them."""
