SELECT sessions.id, sessions.agent_id, CASE WHEN sessions.expires_at <= ?1 THEN 2 ELSE sessions.state END,
  sessions.user_id, users.user_name, users.login, org_domains.name, users.display_name, users.avatar_url,
  users.org_id, sessions.sequence, sessions.created_at, sessions.changed_at
FROM sessions
JOIN users ON users.id = sessions.user_id
LEFT OUTER JOIN org_domains ON org_domains.org_id = users.org_id AND org_domains.is_primary = 1
WHERE sessions.agent_id = ?2 AND users.state != 3 AND NOT EXISTS (
  SELECT * FROM sessions AS newer
  WHERE newer.agent_id = sessions.agent_id AND newer.user_id = sessions.user_id
  AND (newer.created_at, newer.id) > (sessions.created_at, sessions.id))
ORDER BY sessions.created_at DESC, sessions.id DESC
LIMIT 1000
