"""Who we are in the directory, as our own token tells."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arm.clients import AzureClients


async def object_id(azure: AzureClients) -> str | None:
    """Return the object id that our token carries, None where it cannot be read. The token is not verified here.

    Raises:
        ClientAuthenticationError: There is no token for us.
    """
    token = await azure.credential.get_token(azure.access.scope)
    parts = token.token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    found = claims.get("oid") if isinstance(claims, dict) else None
    return str(found) if found else None
