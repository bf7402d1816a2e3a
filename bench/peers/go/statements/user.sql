SELECT users.id, users.org_id, users.type, users.state, users.user_name, users.login, users.display_name,
  users.first_name, users.last_name, users.nick_name, users.preferred_language, users.gender, users.avatar_url,
  users.email, users.email_verified, users.phone, users.phone_verified, users.password_changed_at,
  users.description, users.secret_hash IS NOT NULL, users.access_token_type,
  users.sequence, users.created_at, users.changed_at,
  (SELECT max(sessions.created_at) FROM sessions WHERE sessions.user_id = users.id),
  (SELECT group_concat(CASE WHEN org_domains.is_primary = 1 THEN '0' ELSE '1' END || org_domains.name, ' ')
    FROM org_domains WHERE org_domains.org_id = users.org_id)
FROM users
WHERE users.id = ?1 AND users.state != 3
