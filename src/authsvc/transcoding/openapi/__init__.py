"""OpenAPI 3.1 for google.api.http: the routes of a transcoder, described from the same descriptors that serve them.

    text = comments(importlib.resources.read_binary("books", "descriptors.binpb"))
    described = document(transcoder, title="Books", version="1.2.0", comments=text)

Pure functions from a transcoder and descriptors to a dict that `json.dumps` takes.
"""

from ._comments import comments
from ._document import document
from ._kinds import Json, Security
from ._merge import merged
from ._parameters import SYSTEM_PARAMETERS

__all__ = [
    "SYSTEM_PARAMETERS",
    "Json",
    "Security",
    "comments",
    "document",
    "merged",
]
