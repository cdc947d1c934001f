"""Who may call the API, how often, and with how large a body."""

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator
from pydantic_settings import NoDecode

from rps_core.settings.section import Section, setting, split_commas

# What a header carries unchanged.
_TOKEN = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[a-z0-9*._-]+|[0-9a-f:]+")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class HttpSettings(Section):
    """Access and limits of the API."""

    title: ClassVar[str] = "HTTP"

    api_token: SecretStr | None = setting(
        "RPS_API_TOKEN", None, "Bearer token for the operator endpoints; without a token they answer on loopback only."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = setting(
        "RPS_CORS_ORIGINS",
        (),
        "Origins whose pages may call the API.",
        form="origins like https://play.example, separated by commas",
    )
    max_body_bytes: int = setting(
        "RPS_MAX_BODY_BYTES", 262_144, "Largest request body, in bytes.", ge=1_024, le=100_000_000
    )
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = setting(
        "RPS_TRUSTED_PROXIES",
        (),
        "Reverse proxies whose X-Forwarded-For header is trusted. Behind any other proxy all visitors count as one.",
        form="IP networks like 10.0.0.0/8, separated by commas",
    )
    starts_per_minute: int = setting(
        "RPS_STARTS_PER_MINUTE",
        60,
        "Games that a client may start per minute; 0 means no limit. Programs on this machine are never limited.",
        ge=0,
        le=1_000_000,
    )
    plays_per_minute: int = setting(
        "RPS_PLAYS_PER_MINUTE",
        600,
        "Rounds that a client may play per minute; 0 means no limit. Programs on this machine are never limited.",
        ge=0,
        le=1_000_000,
    )

    root_path: str = setting(
        "RPS_ROOT_PATH",
        "",
        "Path below which browsers reach the game, behind a proxy that serves more than the game. The proxy may remove "
        "it from requests or keep it.",
        form="path like /rps",
        pattern=r"^((/[A-Za-z0-9._~-]+)+/?|/)?$",
    )
    keep_alive_seconds: int = setting(
        "RPS_KEEP_ALIVE_SECONDS",
        75,
        "How long an idle connection stays open; longer than the load balancer in front keeps it.",
        ge=1,
        le=3_600,
    )
    header_timeout_seconds: int = setting(
        "RPS_HEADER_TIMEOUT_SECONDS",
        10,
        "Longest time from a connection to the end of its header, give or take a second.",
        ge=1,
        le=600,
    )
    body_timeout_seconds: int = setting(
        "RPS_BODY_TIMEOUT_SECONDS", 20, "Longest time for the whole body of a request.", ge=1, le=600
    )
    connections_per_address: int = setting(
        "RPS_CONNECTIONS_PER_ADDRESS",
        512,
        "Open connections of one address, trusted proxies excepted; 0 means no limit.",
        ge=0,
        le=100_000,
    )

    @field_validator("api_token")
    @classmethod
    def _require_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError(
                "must consist of ASCII letters, digits and punctuation, without blanks and line breaks; create one: "
                "`openssl rand -hex 32`"
            )
        return value

    @field_validator("cors_origins")
    @classmethod
    def _as_browsers_write(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_origin(text) for text in value)

    @field_validator("root_path")
    @classmethod
    def _without_last_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return split_commas(value)


def _origin(text: str) -> str:
    """Return an origin as browsers send it: in lower case, without the default port and a slash at its end."""
    if text in {"*", "null"}:
        return text
    try:
        parts = urlsplit(text.lower())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if (
        not _HOST.fullmatch(host)
        or parts.username is not None
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
    ):
        raise ValueError("needs origins like https://play.example or http://127.0.0.1:8080, separated by commas")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + ("" if port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f":{port}")
