"""The baseline: the same game, built by us in the usual way, so that ratios can be compared between machines.

It has synchronous FastAPI endpoints under uvicorn, and pydantic models for requests. Each request opens a connection to
SQLite through the standard library; the table of rounds has no index on the game. Features are a pandas frame. Networks
run through `mlflow.pyfunc` with a signature of named columns, trees through xgboost's scikit-learn interface. The
four models of a family run one after the other. Each module explains why its choice is usual.

The comparison is fair: the baseline keeps its models in memory, reads the history of a game once per round, writes a
round in one transaction, uses WAL, and runs each library on one thread, which is fastest for one row.
"""
