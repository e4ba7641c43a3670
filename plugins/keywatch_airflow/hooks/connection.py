"""What the hooks of Keywatch's connection types have in common."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseHook

from keywatch.errors import ConfigurationError
from keywatch.transport import Transport
from keywatch_airflow.settings import extra_of, is_lab
from keywatch_airflow.transports import transport_of

if TYPE_CHECKING:
    from airflow.sdk import Connection


class ConnectionHook(BaseHook):
    """A hook over one connection, of which each type has a form.

    Args:
        conn_id: The connection; None means the type's default.
    """

    conn_name_attr = "conn_id"
    default_conn_name: ClassVar[str]
    conn_type: ClassVar[str]
    form: ClassVar[Mapping[str, Any]]

    def __init__(self, conn_id: str | None = None) -> None:
        super().__init__()
        self.conn_id = conn_id or self.default_conn_name

    @cached_property
    def connection(self) -> Connection:
        """The Airflow connection.

        Raises:
            ConfigurationError: It is of another type.
        """
        connection = self.get_connection(self.conn_id)
        if connection.conn_type != self.conn_type:
            raise ConfigurationError(
                f"Connection {self.conn_id!r} is of type {connection.conn_type}, not {self.conn_type}: name another."
            )
        return connection

    @cached_property
    def extra(self) -> dict[str, Any]:
        """The connection's extras.

        Raises:
            ConfigurationError: One is not in the form.
        """
        return extra_of(self.connection, self.form)

    @cached_property
    def lab(self) -> bool:
        """Whether connection and configuration agree that this is a laboratory.

        Raises:
            ConfigurationError: The connection says so, the configuration does not.
        """
        return is_lab(self.extra, self.conn_id)

    @cached_property
    def transport(self) -> Transport:
        """How the connection gets to its hosts.

        Raises:
            ConfigurationError: It is not usable.
        """
        return transport_of(self.extra, lab=self.lab)
