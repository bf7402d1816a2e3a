package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	active  = 1
	deleted = 3
	initial = 6
	bearer  = "bearer "
)

var (
	errToken = status.Error(codes.Unauthenticated, "Errors.Token.Invalid")
	errUser  = status.Error(codes.NotFound, "Errors.User.NotFound")
)

// caller is whose token it is, and in which browser they are signed in, if in one.
type caller struct {
	userID  int64
	agentID sql.NullInt64
}

// caller checks the token of a call as authsvc does, but for scopes and the header x-zitadel-orgid, which the load has
// not.
func (s *store) caller(ctx context.Context) (caller, error) {
	headers := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(headers) != 1 || len(headers[0]) < len(bearer) || !strings.EqualFold(headers[0][:len(bearer)], bearer) {
		return caller{}, errToken
	}
	hash := sha256.Sum256([]byte(headers[0][len(bearer):]))
	var found caller
	var expiresAt int64
	var revokedAt, userState, orgState, sessionID, sessionState, sessionEnd sql.NullInt64
	row := s.token.QueryRow(hash[:])
	err := row.Scan(&found.userID, &expiresAt, &revokedAt, &userState, &orgState,
		&sessionID, &sessionState, &sessionEnd, &found.agentID)
	if errors.Is(err, sql.ErrNoRows) {
		return caller{}, errToken
	}
	if err != nil {
		return caller{}, err
	}
	now := time.Now().UnixMicro()
	signedOut := sessionID.Valid && (sessionState.Int64 != active || sessionEnd.Int64 <= now)
	if expiresAt <= now || revokedAt.Valid || signedOut {
		return caller{}, errToken
	}
	if userState.Int64 == deleted {
		return caller{}, errUser
	}
	if (userState.Int64 != active && userState.Int64 != initial) || orgState.Int64 != active {
		return caller{}, errToken
	}
	return found, nil
}
