"""Models of contract 3: fitted on steps from the person's last move, and exported as graphs that predict moves.

One round teaches a model of steps what three rounds would teach a model of moves. Four plain nodes at the end of its
graph rotate the probabilities of stay, up and down to those of rock, paper and scissors, so a bundle needs no other
code to be served.
"""

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from rps_assets.training.dataset import FeatureArray, FloatArray, IntArray
from rps_assets.training.models import FittedModel, portions
from rps_core.features.contract import CONTRACT_V3
from rps_core.game.moves import MOVES

# Positions of the columns that hold the person's last move; zeros in round 1, where steps count from rock.
LAST_MOVE = tuple(CONTRACT_V3.columns.index(f"last_{move}") for move in MOVES)
OPSET = 15


class StepModel(FittedModel):
    """A model of steps that predicts moves."""

    def __init__(self, steps: FittedModel) -> None:
        super().__init__(steps.report)
        self.steps = steps

    def predict(self, features: FeatureArray) -> FloatArray:
        """Return probabilities of moves, float64 (n, 3)."""
        columns = (np.arange(len(MOVES)) - last_moves(features)[:, None]) % len(MOVES)
        return np.asarray(np.take_along_axis(self.steps.predict(features), columns, axis=1))

    def to_onnx(self) -> onnx.ModelProto:
        """Return the graph of the steps with the rotation to moves."""
        return with_rotation(self.steps.to_onnx(), len(CONTRACT_V3.columns))

    def importance(self, columns: tuple[str, ...]) -> list[tuple[str, float]]:
        """Return the share of each column in the model's decisions, largest first."""
        return self.steps.importance(columns)


def last_moves(features: FeatureArray) -> IntArray:
    """Return the move from which the step of each row counts, int8: the person's last one, or rock in round 1."""
    return np.concatenate([part[:, LAST_MOVE].argmax(axis=1).astype(np.int8) for part in portions(features)])


def steps_of(labels: IntArray, features: FeatureArray) -> IntArray:
    """Return the step that leads to each label, in the type of the labels: 0 stay, 1 up, 2 down."""
    return np.asarray((labels - last_moves(features)) % len(MOVES))


def with_rotation(model: onnx.ModelProto, n_features: int) -> onnx.ModelProto:
    """Append the rotation to a graph from `features` to `probabilities` of steps, and return the graph.

    ``gate`` (n, 9) is 1 at [last, move] for the row's last move and all moves. ``spread`` (n, 9) holds at [last, move]
    the probability of the step from last to move. Summing their product over last gives the probability of each move.
    """
    size = len(MOVES)
    gate, offset = np.zeros((n_features, size * size), np.float32), np.zeros(size * size, np.float32)
    spread, total = np.zeros((size, size * size), np.float32), np.zeros((size * size, size), np.float32)
    offset[:size] = 1.0
    for last in range(size):
        for move in range(size):
            place = last * size + move
            spread[(move - last) % size, place] = total[place, move] = 1.0
            if last:
                gate[LAST_MOVE[last], place], gate[LAST_MOVE[last], move] = 1.0, -1.0
    graph = model.graph
    for node in graph.node:
        node.output[:] = ["steps" if name == "probabilities" else name for name in node.output]
    constants = {"gate_weights": gate, "gate_offset": offset, "spread": spread, "total": total}
    graph.initializer.extend(numpy_helper.from_array(value, f"rotation_{name}") for name, value in constants.items())
    graph.node.extend(
        [
            _node("Gemm", "features", "rotation_gate_weights", "rotation_gate_offset", to="rotation_gate"),
            _node("MatMul", "steps", "rotation_spread", to="rotation_spread_steps"),
            _node("Mul", "rotation_gate", "rotation_spread_steps", to="rotation_gated"),
            _node("MatMul", "rotation_gated", "rotation_total", to="probabilities"),
        ]
    )
    if not any(opset.domain == "" for opset in model.opset_import):
        model.opset_import.extend([helper.make_opsetid("", OPSET)])
    return model


def _node(operator: str, *inputs: str, to: str) -> Any:
    return helper.make_node(operator, list(inputs), [to])
