package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"authsvc.bench/messages"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const maxLimit = 1000

// authService answers from the store, two statements a call.
type authService struct {
	messages.UnimplementedAuthServiceServer
	store *store
}

func (a *authService) Healthz(context.Context, *messages.HealthzRequest) (*messages.HealthzResponse, error) {
	return &messages.HealthzResponse{}, nil
}

func (a *authService) GetMyUser(
	ctx context.Context, _ *messages.GetMyUserRequest,
) (*messages.GetMyUserResponse, error) {
	caller, err := a.store.caller(ctx)
	if err != nil {
		return nil, err
	}
	response, err := userResponse(a.store.user.QueryRow(caller.userID))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errUser
	}
	return response, err
}

func (a *authService) ListMyUserSessions(
	ctx context.Context, _ *messages.ListMyUserSessionsRequest,
) (*messages.ListMyUserSessionsResponse, error) {
	caller, err := a.store.caller(ctx)
	if err != nil || !caller.agentID.Valid {
		return &messages.ListMyUserSessionsResponse{}, err
	}
	rows, err := a.store.sessions.Query(time.Now().UnixMicro(), caller.agentID.Int64)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return sessionsResponse(rows)
}

func (a *authService) ListMyUserGrants(
	ctx context.Context, request *messages.ListMyUserGrantsRequest,
) (*messages.ListMyUserGrantsResponse, error) {
	caller, err := a.store.caller(ctx)
	if err != nil {
		return nil, err
	}
	query := request.GetQuery()
	limit := cmp.Or(query.GetLimit(), maxLimit)
	if limit > maxLimit {
		return nil, status.Error(codes.InvalidArgument, "Errors.Limit.ExceedsMaximum")
	}
	offset := int64(min(query.GetOffset(), math.MaxInt64))
	rows, err := a.store.grants(query.GetAsc()).Query(caller.userID, limit, offset)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return grantsResponse(rows)
}
