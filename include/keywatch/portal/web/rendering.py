"""Pages, made of templates."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from keywatch.portal.web.notices import NOTICES
from keywatch.portal.web.visitor import Visitor

TEMPLATES: Final = Environment(
    loader=PackageLoader("keywatch.portal.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(visitor: Visitor, name: str, status: int = HTTPStatus.OK, **values: Any) -> HTMLResponse:  # noqa: ANN401 - a template's
    """Make a page; what a browser is to be told once is told by it.

    Args:
        visitor: Who looks at it.
        name: The template, without its ending.
        status: Of the answer.
        values: What the template shows.
    """
    session = visitor.session
    notice = session.notice if session else None
    if notice and visitor.session_id:
        visitor.portal.sessions.change(visitor.session_id, lambda each: msgspec.structs.replace(each, notice=None))
    text = TEMPLATES.get_template(f"{name}.html").render(
        person=session.person if session else None,
        csrf=session.csrf if session else "",
        notice=NOTICES.get(notice or ""),
        support=visitor.portal.support,
        provider=visitor.portal.provider.name,
        here=name,
        **values,
    )
    return HTMLResponse(text, status)
