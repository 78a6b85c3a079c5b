"""Making the stack of each topology for a session; neither is started yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from environment.provision.compose import ensure_compose
from environment.stack.compose import ComposeStack
from environment.stack.production import ProductionStack

if TYPE_CHECKING:
    from environment.session import Session

DUAL_TAG: Final = "dual-compose"
"""The tag of features that are about the two compose projects; all others have the containers."""


def bring_up_production(session: Session) -> ProductionStack:
    """Prepare everything the production stack needs, and return it (spec 021)."""
    ground = session.ground()
    return ProductionStack(
        ground.client, ground.images, session.settings, ground.owner, on_event=session.log_event
    )


def bring_up_dual(session: Session) -> ComposeStack:
    """Prepare everything the two compose projects need, and return them (spec 019)."""
    ground = session.ground()
    compose = ensure_compose(session.progress, session.settings.e2e_compose)
    session.log_event("compose_found", compose=str(compose))
    return ComposeStack(
        ground.client,
        ground.images,
        session.settings,
        ground.owner,
        compose=compose,
        folder=session.artifacts / "compose",
        on_event=session.log_event,
    )
