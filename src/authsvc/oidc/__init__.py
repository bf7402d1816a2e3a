"""The authorization server's address: OAuth 2.0 and OpenID Connect endpoints, and the pages on which people sign in."""
