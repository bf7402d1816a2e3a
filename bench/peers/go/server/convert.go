package main

import (
	"cmp"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"authsvc.bench/messages"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	machine = 2
	second  = 1_000_000
)

func userResponse(row *sql.Row) (*messages.GetMyUserResponse, error) {
	var id, orgID, type_, state, gender, tokenType, sequence, createdAt, changedAt int64
	var emailVerified, phoneVerified, hasSecret bool
	var userName, login, displayName, firstName, lastName, nickName, language, avatar, email, phone, description string
	var passwordChangedAt, lastLogin sql.NullInt64
	var domains sql.NullString
	err := row.Scan(&id, &orgID, &type_, &state, &userName, &login, &displayName, &firstName, &lastName, &nickName,
		&language, &gender, &avatar, &email, &emailVerified, &phone, &phoneVerified, &passwordChangedAt,
		&description, &hasSecret, &tokenType, &sequence, &createdAt, &changedAt, &lastLogin, &domains)
	if err != nil {
		return nil, err
	}
	names := loginNames(login, domains.String)
	user := &messages.User{
		Id:         strconv.FormatInt(id, 10),
		Details:    details(sequence, orgID, createdAt, changedAt),
		State:      messages.UserState(state),
		UserName:   userName,
		LoginNames: names,
	}
	if len(names) > 0 {
		user.PreferredLoginName = names[0]
	}
	if type_ == machine {
		user.Type = &messages.User_Machine{Machine: &messages.Machine{
			Name:            displayName,
			Description:     description,
			HasSecret:       hasSecret,
			AccessTokenType: messages.AccessTokenType(tokenType),
		}}
	} else {
		user.Type = &messages.User_Human{Human: &messages.Human{
			Profile: &messages.Profile{
				FirstName:         firstName,
				LastName:          lastName,
				NickName:          nickName,
				DisplayName:       displayName,
				PreferredLanguage: cmp.Or(language, "und"),
				Gender:            messages.Gender(gender),
				AvatarUrl:         avatar,
			},
			Email:           &messages.Email{Email: email, IsEmailVerified: emailVerified},
			Phone:           &messages.Phone{Phone: phone, IsPhoneVerified: phoneVerified},
			PasswordChanged: timestamp(passwordChangedAt),
		}}
	}
	return &messages.GetMyUserResponse{User: user, LastLogin: timestamp(lastLogin)}, nil
}

func sessionsResponse(rows *sql.Rows) (*messages.ListMyUserSessionsResponse, error) {
	response := &messages.ListMyUserSessionsResponse{}
	for rows.Next() {
		var id, agentID, state, userID, orgID, sequence, createdAt, changedAt int64
		var login string
		var domain sql.NullString
		session := &messages.Session{}
		err := rows.Scan(&id, &agentID, &state, &userID, &session.UserName, &login, &domain, &session.DisplayName,
			&session.AvatarUrl, &orgID, &sequence, &createdAt, &changedAt)
		if err != nil {
			return nil, err
		}
		session.SessionId = strconv.FormatInt(id, 10)
		session.AgentId = strconv.FormatInt(agentID, 10)
		session.AuthState = messages.SessionState(state)
		session.UserId = strconv.FormatInt(userID, 10)
		if domain.Valid {
			session.LoginName = login + "@" + domain.String
		}
		session.Details = details(sequence, orgID, createdAt, changedAt)
		response.Result = append(response.Result, session)
	}
	return response, rows.Err()
}

// grantsResponse takes rows that all begin with what the list says about itself; an empty page is one row without a
// grant.
func grantsResponse(rows *sql.Rows) (*messages.ListMyUserGrantsResponse, error) {
	response := &messages.ListMyUserGrantsResponse{}
	for rows.Next() {
		var total int64
		var newest, newestAt sql.NullInt64
		var id, userID, userType, orgID, projectID, projectGrantID, state sql.NullInt64
		var sequence, createdAt, changedAt sql.NullInt64
		var orgName, orgDomain, projectName, roleKeys sql.NullString
		err := rows.Scan(&total, &newest, &newestAt, &id, &userID, &userType, &orgID, &orgName, &orgDomain,
			&projectID, &projectName, &projectGrantID, &roleKeys, &state, &sequence, &createdAt, &changedAt)
		if err != nil {
			return nil, err
		}
		if response.Details == nil {
			response.Details = &messages.ListDetails{
				TotalResult:       uint64(total),
				ProcessedSequence: uint64(newest.Int64),
				ViewTimestamp:     timestamp(newestAt),
			}
		}
		if !id.Valid {
			continue
		}
		grant := &messages.UserGrant{
			OrgId:       strconv.FormatInt(orgID.Int64, 10),
			ProjectId:   strconv.FormatInt(projectID.Int64, 10),
			UserId:      strconv.FormatInt(userID.Int64, 10),
			OrgName:     orgName.String,
			OrgDomain:   orgDomain.String,
			GrantId:     strconv.FormatInt(id.Int64, 10),
			ProjectName: projectName.String,
			UserType:    messages.Type(userType.Int64),
			State:       messages.UserGrantState(state.Int64),
			Details:     details(sequence.Int64, orgID.Int64, createdAt.Int64, changedAt.Int64),
		}
		if projectGrantID.Valid {
			grant.ProjectGrantId = strconv.FormatInt(projectGrantID.Int64, 10)
		}
		if roleKeys.String != "" {
			grant.RoleKeys = strings.Split(roleKeys.String, "\n")
			grant.Roles = grant.RoleKeys
		}
		response.Result = append(response.Result, grant)
	}
	return response, rows.Err()
}

func details(sequence, orgID, createdAt, changedAt int64) *messages.ObjectDetails {
	return &messages.ObjectDetails{
		Sequence:      uint64(sequence),
		ResourceOwner: strconv.FormatInt(orgID, 10),
		CreationDate:  timestamp(sql.NullInt64{Int64: createdAt, Valid: true}),
		ChangeDate:    timestamp(sql.NullInt64{Int64: changedAt, Valid: true}),
	}
}

// timestamp is a time of the store, which has microseconds.
func timestamp(at sql.NullInt64) *timestamppb.Timestamp {
	if !at.Valid {
		return nil
	}
	return &timestamppb.Timestamp{Seconds: at.Int64 / second, Nanos: int32(at.Int64 % second * 1000)}
}

// loginNames are those in the domains of the organization, the primary one first: that is marked by a 0, the others by
// a 1.
func loginNames(login, domains string) []string {
	marked := strings.Fields(domains)
	slices.Sort(marked)
	for at, domain := range marked {
		marked[at] = login + "@" + domain[1:]
	}
	return marked
}
