SELECT access_tokens.user_id, access_tokens.expires_at, access_tokens.revoked_at, users.state, orgs.state,
  sessions.id, sessions.state, sessions.expires_at, sessions.agent_id
FROM access_tokens
LEFT OUTER JOIN users ON users.id = access_tokens.user_id
LEFT OUTER JOIN orgs ON orgs.id = users.org_id
LEFT OUTER JOIN sessions ON sessions.id = access_tokens.session_id
WHERE access_tokens.token_hash = ?1
