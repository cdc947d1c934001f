"""The gameplay store: games, rounds, the predictions made in them, and the promotion ledger.

The database is embedded SQLite (WAL), or PostgreSQL by URL. SQLAlchemy Core talks to both, and Alembic migrates both.
"""

from rps_core.store.engine import open_engine, upgrade_store
from rps_core.store.game_store import GameStore
from rps_core.store.ledger import PromotionLedger

__all__ = ("GameStore", "PromotionLedger", "open_engine", "upgrade_store")
