"""The base of every error of the product, and the errors that more than one module raises.

    RpsError
    ├── InvalidMove, InvalidDifficulty     the request breaks the rules of the game
    ├── UnknownPolicy, UnknownModelSlot    the request names something that does not exist
    ├── GameNotFound                       no game has the requested id
    ├── GameFinished, RoundConflict        the state of the game forbids the request
    ├── BundleError                        a model bundle must not be served
    │   ├── BundleCorrupt                  its bytes differ from its manifest
    │   └── ContractMismatch               it was trained on another feature contract
    ├── CacheError                         the model cache cannot be read or written
    ├── DataFileError                      a file of games or rounds cannot be read or written
    ├── StoreError                         the gameplay database cannot be used
    └── SettingsError                      the configuration is invalid

An error that a single module raises is defined in that module and derives from one of these. HTTP, the command line and
Dagster therefore each translate `RpsError` in one place. Every message says what is wrong and what to do next.
"""

import re

# A number or a plain word, no longer than the longest name of a rule.
_HARMLESS_VALUE = re.compile(r"[+-]?\d[\w.,:]{0,11}|[A-Za-z_]{1,15}")


def is_harmless(value: str) -> bool:
    """Return whether a message may repeat a wrong value. Any other value may be a secret in the wrong variable."""
    return _HARMLESS_VALUE.fullmatch(value) is not None


class RpsError(Exception):
    """Base of all errors that this product raises deliberately."""


class InvalidMove(RpsError, ValueError):
    """A move other than rock, paper or scissors."""


class InvalidDifficulty(RpsError, ValueError):
    """A difficulty that the filters do not know."""


class UnknownPolicy(RpsError, ValueError):
    """An opponent that does not exist."""


class UnknownModelSlot(RpsError, ValueError):
    """A family or an alias that does not exist."""


class GameNotFound(RpsError, LookupError):
    """No game has this id."""


class GameFinished(RpsError):
    """The game is over; it accepts no further round."""


class RoundConflict(RpsError):
    """Another request recorded this round first."""


class BundleError(RpsError):
    """A model bundle must not be served."""


class BundleCorrupt(BundleError):
    """The bytes of a bundle differ from its manifest."""


class ContractMismatch(BundleError):
    """A bundle was trained on another feature contract than this code builds."""


class CacheError(RpsError):
    """The model cache cannot be read or written."""


class DataFileError(RpsError):
    """A file of games or rounds cannot be read or written."""


class StoreError(RpsError):
    """The gameplay database cannot be used."""


class SettingsError(RpsError, ValueError):
    """The configuration is invalid."""


def system_sentence(error: OSError) -> str:
    """Return what the operating system said and about which files, without the number of the error."""
    files = [str(name) for name in (error.filename, error.filename2) if name is not None]
    said = error.strerror or str(error)
    return f"{said}: {', '.join(files)}" if files else said
