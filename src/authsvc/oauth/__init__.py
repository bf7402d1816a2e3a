"""The authorization server's rules, without a word about HTTP: who signs in, what clients get, what tokens say."""
