"""Who may call the API, how often, and with how large a body."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, ClassVar

from pydantic import SecretStr, field_validator
from pydantic_settings import NoDecode

from rps_core.settings.section import Section, setting, split_commas


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

    @field_validator("root_path")
    @classmethod
    def _without_last_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return split_commas(value)
