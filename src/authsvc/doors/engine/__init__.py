"""The HTTP engine under the one address: uvicorn's protocols, with the limits on time and memory that they lack.

uvicorn parses and speaks ASGI; zttp, or httptools, reads the bytes. Everything that depends on how these drive a
connection is in this room. One of `ENGINES`, made with limits, is what `uvicorn.Config` takes as `http`.
"""

from authsvc.doors.engine.engine import ENGINES, Engine

__all__ = ["ENGINES", "Engine"]
