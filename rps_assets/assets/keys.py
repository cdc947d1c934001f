"""The names of the graph: asset keys, owners, tags and the pool. This module imports no asset."""

import dagster as dg

from rps_core.game.families import FAMILIES, Family
from rps_core.game.opponents import opponent_of

OWNERS = ["team:rps-quest"]

# The pool has one slot: model fits, alias moves and cache writes never overlap, so each has a single writer.
TRAINING_POOL = "training"

ROUNDS = dg.AssetKey(["gameplay", "rounds"])
SCRIPTED_GAMES = dg.AssetKey(["gameplay", "scripted_games"])
TRAINING_GAMES = dg.AssetKey(["training", "games"])
FEATURES = dg.AssetKey(["training", "features"])
SIMULATED_PEOPLE = dg.AssetKey(["training", "simulated_people"])
DATASET = dg.AssetKey(["training", "dataset"])
MODELS: dict[Family, dg.AssetKey] = {family: dg.AssetKey(["models", opponent_of(family).policy]) for family in FAMILIES}
EXPERIMENTS: dict[Family, dg.AssetKey] = {family: dg.AssetKey(["experiments", family]) for family in FAMILIES}
COMPARISON = dg.AssetKey(["experiments", "comparison"])
PERFORMANCE = dg.AssetKey(["promotion", "performance"])
PROMOTIONS: dict[Family, dg.AssetKey] = {
    family: dg.AssetKey(["promotion", opponent_of(family).policy]) for family in FAMILIES
}
MODEL_CACHE = dg.AssetKey(["serving", "model_cache"])
SERVED_MODELS = dg.AssetKey(["serving", "served_models"])
LEADERBOARD = dg.AssetKey(["reports", "leaderboard"])
DATA_DRIFT = dg.AssetKey(["reports", "data_drift"])
LIVE_ACCURACY = dg.AssetKey(["reports", "live_accuracy"])
PARITY = dg.AssetKey(["reports", "parity"])
CAL_PROBE = dg.AssetKey(["reports", "cal_probe"])
REPORTS = [LEADERBOARD, DATA_DRIFT, LIVE_ACCURACY, PARITY, CAL_PROBE]

RETENTION = dg.AssetKey(["maintenance", "retention"])

# Runs of the loop carry this tag. Sensors find their runs by it, also those that a person started.
LOOP_TAG = "rps/loop"
LOOP_TRAINING = "training"
LOOP_SERVING = "serving"
