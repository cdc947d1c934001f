-- Run once by PostgreSQL's image, beside the database of the game that its environment names.
CREATE DATABASE dagster;
CREATE DATABASE mlflow;
