"""Doc comments out of descriptor sets."""

from __future__ import annotations

from textwrap import dedent

from transcoding.openapi.support import said

from authsvc.transcoding.openapi import comments

TEXT = """
// A shelf of books.
//
//     indented
service Shelves {
  // Finds one.
  rpc Find(Shelf) returns (Shelf);
  rpc Lose(Shelf) returns (Shelf);
}

/* A shelf,
 * in one block. */
message Shelf {
  // Its name. (-- nobody but us
  // should read this --)
  string name = 1;
  int32 width = 2;  // In millimetres.

  // Where it stands.
  oneof place {
    // On a floor.
    string floor = 3;
    string wall = 4;
  }

  // What it is made of.
  enum Material {
    // Nobody knows.
    UNKNOWN = 0;
    OAK = 1;
  }

  // One board.
  message Board {
    // How far up.
    int32 height = 1;
  }
}

// How it looks.
enum Colour {
  // Not painted.
  PLAIN = 0;
}
"""


def found(text: str = TEXT, **more: str) -> dict[str, str]:
    """The comments in this file, without its package."""
    return {name.removeprefix("books.v1."): comment for name, comment in said(dedent(text), **more).items()}


def test_everything_with_a_comment_is_found() -> None:
    """Services, methods, messages, fields, oneofs, enums and values are known by full name, nested ones too."""
    assert found() == {
        "Shelves": "A shelf of books.\n\n    indented",
        "Shelves.Find": "Finds one.",
        "Shelf": "A shelf,\nin one block.",
        "Shelf.name": "Its name.",
        "Shelf.width": "In millimetres.",
        "Shelf.place": "Where it stands.",
        "Shelf.floor": "On a floor.",
        "Shelf.Material": "What it is made of.",
        "Shelf.Material.UNKNOWN": "Nobody knows.",
        "Shelf.Board": "One board.",
        "Shelf.Board.height": "How far up.",
        "Colour": "How it looks.",
        "Colour.PLAIN": "Not painted.",
    }


def test_a_file_may_have_no_package() -> None:
    """Names then begin with those of the file."""
    assert found("// Alone.\nmessage Alone {}", head='syntax = "proto3";') == {"Alone": "Alone."}


def test_no_source_info_means_no_comments() -> None:
    """A set without source info, or without files, has nothing to say."""
    assert comments(b"") == {}
