"""An index by kind of player and creation time, so that a selection reads the newest games and stops.

Revision: 0003, after 0002.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_games_newest", "games", ["player_kind", "created_ts_utc"], unique=False)


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("ix_games_newest", table_name="games")
