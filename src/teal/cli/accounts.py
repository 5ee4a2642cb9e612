"""`teal account`, `login`, `logout`: whose server it is. There is one account: the holder of the server's token.

Used by the command table; published scripts call these around the commands of `az ml`.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from knack.log import get_logger
from knack.util import CLIError

from teal.cli.configuration import save_defaults
from teal.sdk.addresses import find_server
from teal.sdk.scopes import load_scope

logger = get_logger(__name__)

TENANT = "00000000-0000-0000-0000-000000000000"
#: The server's token does not expire; clients want a time, and ask again after it.
TOKEN_LIFETIME = timedelta(hours=24)


def login(
    username: str | None = None,
    password: str | None = None,
    tenant: str | None = None,
    service_principal: bool = False,
    identity: bool = False,
    use_device_code: bool = False,
    federated_token: str | None = None,
    allow_no_subscriptions: bool = False,
) -> Any:
    del username, password, tenant, service_principal, identity, use_device_code, federated_token
    del allow_no_subscriptions
    logger.warning("There is nothing to log in to: the token in the server's data directory lets you in.")
    return list_()


def logout(username: str | None = None) -> None:
    del username
    logger.warning("There is nothing to log out of.")


def set_(subscription: str) -> None:
    save_defaults({"subscription": subscription})


def show(subscription: str | None = None) -> Any:
    return {
        "environmentName": "Teal",
        "homeTenantId": TENANT,
        "id": load_scope(subscription).subscription,
        "isDefault": True,
        "managedByTenants": [],
        "name": "Teal",
        "state": "Enabled",
        "tenantId": TENANT,
        "user": {"name": "teal", "type": "user"},
    }


def list_() -> Any:
    return [show()]


def get_access_token(
    subscription: str | None = None,
    resource: str | None = None,
    scope: list[str] | None = None,
    resource_type: str | None = None,
    tenant: str | None = None,
) -> Any:
    del resource, scope, resource_type
    token = find_server().token
    if not token:
        raise CLIError("No token is known for this server. Set TEAL_TOKEN.")
    expires = datetime.now(UTC) + TOKEN_LIFETIME
    return {
        "accessToken": token,
        "expiresOn": expires.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f"),
        "expires_on": int(expires.timestamp()),
        "subscription": load_scope(subscription).subscription,
        "tenant": tenant or TENANT,
        "tokenType": "Bearer",
    }
