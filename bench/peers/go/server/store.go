package main

import (
	"database/sql"
	"runtime"

	"authsvc.bench/peers/statements"
	// In Go alone: no slower here than mattn/go-sqlite3 for lists, and a little faster for one row.
	_ "modernc.org/sqlite"
)

// store has the prepared statements.
type store struct {
	token, user, sessions, oldestGrants, newestGrants *sql.Stmt
}

func openStore(path string) (*store, error) {
	database, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return nil, err
	}
	// Connections that wait for each other's turn on a core only cost memory, and the statements of each are prepared.
	connections := runtime.GOMAXPROCS(0)
	database.SetMaxOpenConns(connections)
	database.SetMaxIdleConns(connections)
	found := &store{}
	for text, statement := range map[string]**sql.Stmt{
		statements.Token:         &found.token,
		statements.User:          &found.user,
		statements.Sessions:      &found.sessions,
		statements.Grants(true):  &found.oldestGrants,
		statements.Grants(false): &found.newestGrants,
	} {
		if *statement, err = database.Prepare(text); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// grants is the statement for the order asked for.
func (s *store) grants(ascending bool) *sql.Stmt {
	if ascending {
		return s.oldestGrants
	}
	return s.newestGrants
}
