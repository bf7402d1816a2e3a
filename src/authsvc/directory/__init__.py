"""The directory file: organizations, projects, users, sessions and grants, written by hand in YAML.

`read` checks a file and tells every mistake in it at once, `apply` brings a database to what the file lists, and
`export` writes a database as such a file.
"""

from authsvc.directory.exporter import export
from authsvc.directory.mistakes import DirectoryError, Mistake
from authsvc.directory.reader import Document, parse, read
from authsvc.directory.report import Report
from authsvc.directory.writer import apply

__all__ = ["DirectoryError", "Document", "Mistake", "Report", "apply", "export", "parse", "read"]
