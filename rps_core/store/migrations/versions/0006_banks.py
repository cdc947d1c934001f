"""The banks: how much win probability an opponent may still lose to each player.

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the banks and their loans."""
    op.create_table(
        "banks",
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("bot_policy", sa.String(length=64), nullable=False),
        sa.Column("budget", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "bot_policy", name=op.f("pk_banks")),
    )
    op.create_table(
        "bank_loans",
        sa.Column("game_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("bot_policy", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["game_id"], ["games.id"], name=op.f("fk_bank_loans_game_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("game_id", name=op.f("pk_bank_loans")),
    )
    op.create_index("ix_bank_loans_session_id_bot_policy", "bank_loans", ["session_id", "bot_policy"], unique=False)


def downgrade() -> None:
    """Drop both; the previous release keeps no banks."""
    op.drop_table("bank_loans")
    op.drop_table("banks")
