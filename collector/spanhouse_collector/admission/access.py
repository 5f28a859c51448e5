"""Who may send, and whose data it is."""

from __future__ import annotations

from spanhouse_collector.admission.keys import KeyRing
from spanhouse_collector.errors import Forbidden, Unauthenticated
from spanhouse_collector.tenant import HEADER, tenant_of

AUTHORIZATION = "authorization"  # as gRPC metadata has it

_BEARER = "bearer"


class Access:
    """Without keys, everybody sends for the tenant that the header names; with them, a key is one tenant's."""

    def __init__(self, keys: KeyRing | None) -> None:
        self._keys = keys

    def tenant_of(self, authorization: str | None, named: str | None) -> str:
        """The tenant of a request with these headers.

        Raises Unauthenticated without a key that is known, Forbidden where `named` is another tenant than the key's,
        Malformed for a name that is none.
        """
        if self._keys is None:
            return tenant_of(named)
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != _BEARER or not key.strip():
            raise Unauthenticated("an API key is needed: Authorization: Bearer KEY")
        tenant = self._keys.tenant_of(key.strip())
        if tenant is None:
            raise Unauthenticated("the API key is not known here, or was revoked")
        if named is not None and tenant_of(named) != tenant:
            raise Forbidden(f"the API key is not for the tenant that {HEADER} names; leave the header out")
        return tenant
