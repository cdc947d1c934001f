"""What MLflow says about our experiments and registered models, in Markdown."""

from rps_core.game.families import REGISTERED_NAMES, Family
from rps_core.game.opponents import opponent_of

EXPERIMENT = "rps-bot"
TRIALS_EXPERIMENT = "rps-experiments"
# MLflow reads and writes descriptions as this tag.
DESCRIPTION_TAG = "mlflow.note.content"
# Without it, MLflow guesses the kind from what an experiment contains and opens ours as a project for language models.
KIND_TAG = "mlflow.experimentKind"
KIND = "custom_model_development"
_GUESSED = "_inferred"

_DESCRIPTIONS = {
    EXPERIMENT: """\
Trainings of the twelve slots: three opponents, each with the aliases Production, B, shadow1 and shadow2.

- One run is one model. Its name is the opponent, the alias and the configuration.
- Every run that finishes registers a version. The tag `replaces_version` names the version that it replaced.
- Compare `test_accuracy` with `majority_accuracy` and `logistic_accuracy`, the baselines on the same rounds.
- Filter runs with `tags.opponent = 'Forrest'`, `tags.target_alias = 'B'`, `tags.hyperparameter_config_id = 'xgb_c05'`
  or `tags.dataset = '…'`.
""",
    TRIALS_EXPERIMENT: """\
All configurations, each trained without moving an alias. The name of a run is its configuration.

- Choose the highest `cv_mean_acc`; between equals, the smaller `cv_std_acc`. `test_accuracy` is a sanity check.
- `rps experiments list` shows the newest result of each configuration, `rps experiments promote` puts one into a slot.
""",
}
_ALGORITHMS: dict[Family, str] = {
    "xgboost": "gradient-boosted trees (XGBoost)",
    "feedforward_nn": "a feed-forward network (JAX)",
    "multinomial_logistic": "a multinomial logistic regression (JAX)",
}


def experiment_tags(name: str) -> dict[str, str]:
    """Return the tags of one of our experiments."""
    return {KIND_TAG: KIND, DESCRIPTION_TAG: _DESCRIPTIONS[name]}


def is_guessed(kind: str) -> bool:
    """Report whether MLflow's page guessed a kind of experiment, so that nobody chose it."""
    return kind.endswith(_GUESSED)


def describe_registered_model(family: Family) -> str:
    """Return the description of a registered model."""
    opponent, name = opponent_of(family).policy.title(), REGISTERED_NAMES[family]
    return f"""\
Predicts a player's next move for the opponent **{opponent}** with {_ALGORITHMS[family]}, exported as ONNX.

- The aliases are the slots of the game. `Production` and `B` choose moves; `shadow1` and `shadow2` only predict.
- Input: one row of features a round. Output: the probabilities of rock, paper and scissors.
- Each version says what it was trained on and how well it predicts.

```python
import mlflow

model = mlflow.pyfunc.load_model("models:/{name}@Production")
```
"""
