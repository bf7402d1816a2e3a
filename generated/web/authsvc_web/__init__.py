"""Files for browsers that authsvc serves but did not write; `make generate` copies them."""
