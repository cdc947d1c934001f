"""Decisions on promotions have a number in their family, and keep the comparison of configurations.

Revision: 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = (("cycle", sa.Integer()), ("comparison_json", sa.Text()), ("open_comparison_json", sa.Text()))


def upgrade() -> None:
    """Add the columns, which earlier releases leave empty, and the indexes."""
    for name, kind in _COLUMNS:
        op.add_column("promotion_events", sa.Column(name, kind, nullable=True))
    op.create_index("ix_promotion_events_model_type_cycle", "promotion_events", ["model_type", "cycle"], unique=True)
    op.create_index("ix_games_family", "games", ["model_type", "created_ts_utc"], unique=False)


def downgrade() -> None:
    """Drop the indexes and the columns; the ledger keeps its decisions."""
    op.drop_index("ix_games_family", table_name="games")
    op.drop_index("ix_promotion_events_model_type_cycle", table_name="promotion_events")
    for name, _ in reversed(_COLUMNS):
        op.drop_column("promotion_events", name)
