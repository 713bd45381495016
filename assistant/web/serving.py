"""From settings to what the server is told."""

from __future__ import annotations

from datetime import timedelta

from assistant.entrance import EntranceOptions
from assistant.settings import Settings
from assistant.web.api.options import SsoOptions
from assistant.web.server import ServerOptions


def server_options(settings: Settings) -> ServerOptions:
    """Raises AssistantError for settings that contradict each other, or would let others in without login."""
    wanted = settings.oidc_issuer or settings.oidc_client_id or settings.oidc_client_secret.get_secret_value()
    sso = SsoOptions(
        issuer=settings.oidc_issuer.rstrip("/"),
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        members=settings.oidc_members,
        name=settings.oidc_name,
    )
    return ServerOptions(
        host=settings.host,
        port=settings.port,
        accounts=settings.accounts,
        mcp=settings.mcp,
        public_url=settings.public_url,
        proxies=settings.trusted_proxies,
        entrance=EntranceOptions(
            idle=timedelta(hours=settings.session_idle_hours),
            longest=timedelta(days=settings.session_days),
            link=timedelta(hours=settings.invitation_hours),
        ),
        sso=sso if wanted else None,
    )
