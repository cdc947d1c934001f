"""The errors of the product, drawn as one tree, so that each edge (HTTP, command line, Dagster) maps them once.

    RpsError
    ├── InvalidMove, InvalidDifficulty     the request says something the rules do not know
    ├── UnknownPolicy, UnknownModelSlot
    ├── GameNotFound                       there is no such game
    ├── GameFinished, RoundConflict        the game is in a state that forbids the request
    ├── BundleError                        a model bundle must not be served
    │   ├── BundleCorrupt                  its bytes are not what its manifest promises
    │   └── ContractMismatch               it was trained on other features than this code builds
    ├── CacheError                         the model cache cannot be read or written
    ├── DataFileError                      a file of games or rounds cannot be read or written
    ├── StoreError                         the gameplay database cannot be used
    └── SettingsError                      the configuration cannot work

Every message names what was wrong and, where there is one, what to do next.
"""


class RpsError(Exception):
    """Base of everything this product raises on purpose."""


class InvalidMove(RpsError, ValueError):
    """A move that is not rock, paper or scissors."""


class InvalidDifficulty(RpsError, ValueError):
    """A difficulty the filters do not know."""


class UnknownPolicy(RpsError, ValueError):
    """An opponent that does not exist."""


class UnknownModelSlot(RpsError, ValueError):
    """A family or an alias that does not exist."""


class GameNotFound(RpsError, LookupError):
    """No game has this id."""


class GameFinished(RpsError):
    """The game is over; no further round can be played."""


class RoundConflict(RpsError):
    """Another request recorded this round first."""


class BundleError(RpsError):
    """A model bundle must not be served."""


class BundleCorrupt(BundleError):
    """The bytes of a bundle differ from what its manifest promises."""


class ContractMismatch(BundleError):
    """A bundle was trained on another feature contract than this code builds."""


class CacheError(RpsError):
    """The model cache cannot be read or written."""


class DataFileError(RpsError):
    """A file of games or rounds cannot be read or written."""


class StoreError(RpsError):
    """The gameplay database cannot be used."""


class SettingsError(RpsError, ValueError):
    """The configuration cannot work."""
