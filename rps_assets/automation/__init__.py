"""Jobs, sensors and the schedule, with the plain decisions behind them."""
