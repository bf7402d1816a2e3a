"""Pages that are served whole: the account page, and the one to read about the API. They ask nobody for a token."""
