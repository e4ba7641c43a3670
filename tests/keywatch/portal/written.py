"""Configurations of the portal, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

GUIDS: Final = tuple(f"00000000-0000-0000-0000-{number:012d}" for number in range(1, 4))
WEB: Final = "https://keys.keywatch.example"
API: Final = "https://api.keys.keywatch.example"

B2C: Final[dict[str, Any]] = {
    "flavour": "b2c",
    "tenant": "contosokeys",
    "tenant_id": GUIDS[0],
    "client_id": GUIDS[1],
    "api_client_id": GUIDS[2],
    "api_uri": "https://contosokeys.onmicrosoft.com/keywatch-api",
    "secret": "portal-client-secret",
}
ENTRA: Final[dict[str, Any]] = {
    "flavour": "entra",
    "host": "contosokeys.ciamlogin.com",
    "tenant_id": GUIDS[0],
    "client_id": GUIDS[1],
    "api_client_id": GUIDS[2],
    "api_uri": f"api://{GUIDS[2]}",
    "authentication_context": "c1",
    "certificate": "keywatch-portal",
}
OPENID: Final[dict[str, Any]] = {
    "flavour": "openid",
    "issuer": "https://sso.keywatch.example/realms/keys",
    "client_id": "keywatch-web",
    "audience": "keywatch-api",
    "acr": "mfa",
    "certificate": "keywatch-portal",
}
FLAVOURS: Final = {"b2c": B2C, "entra": ENTRA, "openid": OPENID}


def configuration(section: dict[str, Any], **top: Any) -> dict[str, Any]:  # noqa: ANN401 - TOML's
    """Make a whole configuration around a section `provider`; what is None is left out."""
    whole = {
        "web_url": WEB,
        "api_url": API,
        "store": "sqlite:////tmp/report.db",
        "sessions": "sqlite:////tmp/sessions.db",
        "provider": section,
        "vault": {"url": "https://keywatch.vault.azure.net"},
    } | top
    return {name: value for name, value in whole.items() if value is not None}


def write(path: Path, values: dict[str, Any]) -> Path:
    """Write TOML, tables last."""
    path.write_text("\n".join(_lines(values, ())) + "\n", encoding="utf-8")
    return path


def _lines(values: dict[str, Any], above: tuple[str, ...]) -> list[str]:
    plain = [f"{name} = {_value(value)}" for name, value in values.items() if not isinstance(value, dict)]
    tables = [(name, value) for name, value in values.items() if isinstance(value, dict)]
    return plain + [
        line for name, value in tables for line in (f"[{'.'.join((*above, name))}]", *_lines(value, (*above, name)))
    ]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    return str(value) if isinstance(value, int) else '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
