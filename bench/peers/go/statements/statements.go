// Package statements has authsvc's own SQL, as it is for SQLite.
package statements

import (
	_ "embed"
	"strings"
)

// Token finds an access token by its hash, with all that decides whether it may be used.
//
//go:embed token.sql
var Token string

// User finds a user by id.
//
//go:embed user.sql
var User string

// Sessions lists the newest session of each user in a browser; takes the time and the browser's id.
//
//go:embed sessions.sql
var Sessions string

//go:embed grants.sql
var grants string

// Grants lists a page of a user's grants, newest or oldest first; takes the user's id, the limit and the offset.
func Grants(ascending bool) string {
	if ascending {
		return strings.ReplaceAll(grants, "DESC", "ASC")
	}
	return grants
}
