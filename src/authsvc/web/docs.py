"""What people and programs read about the API: `/openapi.json`, and `/docs`, a page to try it out.

The page is Swagger UI. It is served whole from the package and loads nothing from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import orjson

from authsvc.web.files import File, Files

# Swagger UI draws its icons from data: URLs.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def docs(document: Callable[[], dict[str, Any]]) -> Files:
    """Its files; `document` makes the OpenAPI document, when somebody asks for it first."""
    ours, theirs = files("authsvc") / "web" / "docs", files("authsvc_web") / "docs"
    return Files(
        {
            "/openapi.json": File(b"application/json", lambda: orjson.dumps(document()), _POLICY),
            "/docs": File.read(ours / "index.html", _POLICY),
            "/docs/start.js": File.read(ours / "start.js", _POLICY),
            "/docs/swagger-ui-bundle.js": File.read(theirs / "swagger-ui-bundle.js", _POLICY),
            "/docs/swagger-ui.css": File.read(theirs / "swagger-ui.css", _POLICY),
        }
    )
