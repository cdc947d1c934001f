"""Hyperparameters small enough for tests."""

from rps_assets.training.parameters import LogisticParameters, NetworkParameters, XGBoostParameters

# Tests keep these widths and this batch size, because JAX compiles again for others.
SMALL_NETWORK = NetworkParameters(
    hidden_sizes=(16,),
    dropout_rate=0.1,
    epochs=40,
    batch_size=64,
    lr=0.005,
    weight_decay=1e-4,
    patience=8,
    reduce_lr_patience=3,
    lambda_danger=0.0,
)
SMALL_LOGISTIC = LogisticParameters(
    epochs=40,
    batch_size=64,
    lr=0.01,
    l2_lambda=0.1,
    use_class_weights=True,
    lambda_danger=0.0,
    patience=8,
    reduce_lr_patience=3,
)
SMALL_TREES = XGBoostParameters(
    n_estimators=120,
    learning_rate=0.2,
    max_depth=3,
    min_child_weight=1,
    subsample=0.9,
    colsample_bytree=0.9,
    reg_lambda=1.0,
    reg_alpha=0.1,
    gamma=0.0,
    tree_method="hist",
    early_stopping_rounds=8,
)
