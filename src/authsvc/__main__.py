"""`python -m authsvc` is the command `authsvc`."""

from authsvc.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
