"""The baseline: the same game served as such systems are usually built, by us, so that ratios travel between machines.

FastAPI with synchronous endpoints under uvicorn, pydantic models in and out, SQLite through the standard library with
one connection a request, one table of rounds without an index on the game, features as a pandas frame, networks through
`mlflow.pyfunc` with a signature of fifty named columns, trees through scikit-learn's interface of xgboost, and the four
models of a family asked one after the other. Each module says where its choice is usual.

It is no straw man: it holds its models in memory, reads the history of a game once a round, writes a round in one
transaction, uses WAL, and runs each library on one thread, which is fastest for one row.
"""
