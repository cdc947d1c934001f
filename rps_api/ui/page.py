"""The content and the headers of the pages, independent of any request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, Self, TypeAlias
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rps_api.ui.assets import STATIC_FOLDER, STATIC_PATH, imported_modules
from rps_core.game.moves import MOVES, hunter, prey
from rps_core.game.opponents import OPPONENTS
from rps_core.game.rules import ChoiceRule, parse_rules
from rps_core.game.scoring import TARGET_POINTS
from rps_core.settings import PageSettings, ServiceSettings

TEMPLATE_FOLDER = Path(__file__).parent / "templates"

PageName: TypeAlias = Literal["game", "debug", "observatory"]
_ENTRIES = {"game": "js/main.js", "observatory": "js/observatory/main.js"}

# Helps a player choose. Names and families come from rps_core.
_BLURBS = {
    "brian": "Weighs every clue against every other, and reacts to habits you did not know you had.",
    "forrest": "Asks a chain of yes-or-no questions about your last rounds. Quick to spot a pattern.",
    "logan": "Adds up your clues one by one. Plain, steady, and hard to fool twice.",
}


_CHARACTERS: dict[ChoiceRule, str] = {
    "win_probability": "Bold: always goes for the best chance to win.",
    "banked": "Careful: only bets what it has won from you.",
    "equilibrium": "Perfect: nobody can exploit it, and it exploits nobody.",
    "expected_value": "Greedy: always goes for the most points.",
}


class OpponentCard(NamedTuple):
    """An opponent on the page."""

    policy: str
    name: str
    kind: str
    family: str
    character: str
    blurb: str


class MoveCard(NamedTuple):
    """A move on the page; `beats` and `loses_to` are moves."""

    move: str
    beats: str
    loses_to: str


def opponent_cards(rules: Mapping[str, ChoiceRule]) -> list[OpponentCard]:
    """Return the opponents in the order of `OPPONENTS`; ``Brian (Neural Network)`` becomes a name and a kind.

    Args:
        rules: how each opponent chooses its move.
    """
    cards = []
    for opponent in OPPONENTS.values():
        name, _, kind = opponent.display_name.rstrip(")").partition(" (")
        character = _CHARACTERS[rules[opponent.policy]]
        cards.append(
            OpponentCard(opponent.policy, name, kind, opponent.family, character, _BLURBS.get(opponent.policy, ""))
        )
    return cards


def move_cards() -> list[MoveCard]:
    """Return the moves in canonical order."""
    return [MoveCard(move, prey(move), hunter(move)) for move in MOVES]


def browsable(url: str | None) -> str | None:
    """Return `url` if a browser on another machine can open it: over HTTP, and not at the wildcard address."""
    if not url or not url.startswith(("http://", "https://")):
        return None
    return None if urlsplit(url).hostname in {"0.0.0.0", "::"} else url.rstrip("/")  # noqa: S104 - compared, not bound


def choose_api_base(requested: str | None, configured: str) -> str | None:
    """Return the base URL that the page calls, without a trailing slash; None if `requested` is not allowed.

    The original used any URL in ``?api_base=``, so that a link could send a player's name to a stranger. Only a path on
    this host and the configured URL are allowed.
    """
    if requested is None:
        return configured.rstrip("/")
    base = requested.strip().rstrip("/")
    # Browsers treat a backslash as a slash, and two slashes start another host.
    same_host = base == "" or (base.startswith("/") and not base.startswith(("//", "/\\")))
    return base if same_host or base == configured.rstrip("/") else None


def content_security_policy(api_base: str) -> str:
    """Return the policy of the page: only files of this host, nothing inline, and calls to a configured API."""
    address = urlsplit(api_base)
    connect = f"; connect-src 'self' {address.scheme}://{address.netloc}" if address.netloc else ""
    return (
        f"default-src 'self'{connect}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATE_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True)
class Pages:
    """The pages of one deployment: links, API and version of the files."""

    version: str
    api_base: str = ""
    root_path: str = ""
    choice_rules: str = ""
    dagster_url: str | None = None
    mlflow_url: str | None = None
    grafana_url: str | None = None
    environment: Environment = field(default_factory=_environment, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        page: PageSettings,
        services: ServiceSettings,
        version: str,
        root_path: str = "",
        choice_rules: str = "",
    ) -> Self:
        """Return the pages of a configuration; URLs that a browser cannot open get no link."""
        return cls(
            version=version,
            api_base=page.ui_client_api_base.rstrip("/") or root_path,
            root_path=root_path,
            choice_rules=choice_rules,
            dagster_url=browsable(services.dagster_link_url),
            mlflow_url=browsable(services.mlflow_link_url),
            grafana_url=browsable(page.grafana_dashboard_url),
        )

    def render(self, page: PageName, api_base: str) -> str:
        """Return the HTML of a page; the template engine escapes every value."""
        entry = _ENTRIES["observatory" if page == "observatory" else "game"]
        return self.environment.get_template(f"{'observatory' if page == 'observatory' else 'game'}.html.j2").render(
            links=self,
            static=f"{self.root_path}{STATIC_PATH}/{self.version}",
            entry=entry,
            modules=_modules(entry),
            opponents=opponent_cards(parse_rules(self.choice_rules)),
            moves=move_cards(),
            target_points=TARGET_POINTS,
            api_base=api_base,
            page=page,
            debug=page == "debug",
        )

    def headers(self, api_base: str) -> dict[str, str]:
        """Return the headers of a page: never cached, tagged with its version, closed to other sites."""
        return {
            "Cache-Control": "no-store, no-cache, must-revalidate",
            "Pragma": "no-cache",
            "Expires": "0",
            "ETag": f'"{self.version}"',
            "Content-Security-Policy": content_security_policy(api_base),
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }


@cache
def _modules(entry: str) -> list[str]:
    return imported_modules(STATIC_FOLDER, entry)
