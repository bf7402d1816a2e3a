"""OpenAPI 3.1 for google.api.http: the routes of a transcoder, described from the same descriptors that serve them.

    text = comments(importlib.resources.read_binary("books", "descriptors.binpb"))
    described = document(endpoints, prefix="/v1", title="Books", version="1.2.0", comments=text)

Pure functions from descriptors to a dict that `json.dumps` takes.
"""

from ._comments import comments
from ._document import document
from ._errors import AIP193, STATUS, ErrorForm
from ._kinds import Endpoint, Json, Security
from ._parameters import SYSTEM_PARAMETERS

__all__ = [
    "AIP193",
    "STATUS",
    "SYSTEM_PARAMETERS",
    "Endpoint",
    "ErrorForm",
    "Json",
    "Security",
    "comments",
    "document",
]
