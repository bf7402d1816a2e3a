SELECT coalesce(users.grant_count, 0),
  newest.sequence, newest.at, page.id, page.user_id, users.type, page.org_id, orgs.name, org_domains.name,
  page.project_id, projects.name, page.project_grant_id, page.role_keys, page.state,
  page.sequence, page.created_at, page.changed_at
FROM (SELECT 1)
LEFT OUTER JOIN users ON users.id = ?1
LEFT OUTER JOIN (
  SELECT changes.sequence, changes.at FROM changes
  WHERE changes.sequence = (SELECT max(changes.sequence) FROM changes)) AS newest ON 1
LEFT OUTER JOIN (
  SELECT * FROM user_grants WHERE user_grants.user_id = (SELECT ?1)
  ORDER BY user_grants.created_at DESC, user_grants.id DESC LIMIT (SELECT ?2) OFFSET (SELECT ?3)) AS page ON 1
LEFT OUTER JOIN orgs ON orgs.id = page.org_id
LEFT OUTER JOIN org_domains ON org_domains.org_id = page.org_id AND org_domains.is_primary = 1
LEFT OUTER JOIN projects ON projects.id = page.project_id
ORDER BY page.created_at DESC, page.id DESC
