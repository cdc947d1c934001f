-- PostgreSQL's image runs this once, in addition to creating the game's database that its environment names.
CREATE DATABASE dagster;
CREATE DATABASE mlflow;
