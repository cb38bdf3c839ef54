"""What the app shows to whoever opens it without its token: where the whole address stands.

The server's own page would ask for a password and tell of commands that know nothing of the app.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import PasswordIdentityProvider
from jupyter_server.base.handlers import JupyterHandler

from rpmatrix.view.markup import code, html_document, page, paragraph, tag

__all__ = ["TokenPage", "TokenProvider"]


class TokenPage(JupyterHandler):
    """Says how the app is opened; who has opened it already goes on to it."""

    @allow_unauthenticated
    def get(self) -> None:
        """Answer whoever comes without a token."""
        if self.current_user:
            self.redirect(self.base_url)
            return
        self.finish(token_page())


class TokenProvider(PasswordIdentityProvider):
    """Lets in who has the token, and shows all others how to get it."""

    def get_handlers(self) -> list[tuple[str, Any]]:
        """Put the page of the app in place of the form for a password."""
        others = [one for one in super().get_handlers() if one[0] != "/login"]
        return [("/login", TokenPage), *others]


def token_page() -> str:
    """Make the page for whoever has no token."""
    return html_document(
        "Restore points: open the whole address",
        page(
            tag("h1", "Open the whole address"),
            paragraph(
                "The restore points app is running, and opens with its token only. The token is a "
                "part of the address that the app printed where it was started, behind ",
                code("?token="),
                ".",
            ),
            paragraph(
                "Copy that address as a whole from the line that begins with ",
                code("The app is ready:"),
                " and open it here. If that line is gone, stop the app with Ctrl-C and run ",
                code("rpmatrix app"),
                " again: it opens the page by itself.",
            ),
        ),
    )
