package main

import (
	"fmt"
	"strconv"
	"strings"
)

// DeclaredError is a failure of a capability's own, by its code.
type DeclaredError struct {
	Number      int    `json:"number"`
	Retryable   bool   `json:"retryable"`
	Description string `json:"description"`
}

// The part of the protocol's error table that is needed here.
var table = map[string]DeclaredError{
	"INVALID_PAYLOAD":      {Number: 400},
	"CAPABILITY_NOT_FOUND": {Number: 404},
	"CONFLICT":             {Number: 409},
	"BUSY":                 {Number: 429, Retryable: true},
	"CANCELLED":            {Number: 499},
	"INTERNAL":             {Number: 500},
	"INVALID_OUTPUT":       {Number: 500},
	"PLUGIN_CRASHED":       {Number: 502, Retryable: true},
	"DEADLINE_EXCEEDED":    {Number: 504},
}

// PayloadError is one place of a payload that is wrong: Path is a JSON pointer, "" for the whole.
type PayloadError struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// Failure is told to the caller as it is. Its code is one of the table, or one that the capability declares.
type Failure struct {
	Code   string
	Detail string
	Errors []PayloadError
}

func (f *Failure) Error() string { return f.Code + ": " + f.Detail }

func invalid(detail string, errors ...PayloadError) *Failure {
	return &Failure{"INVALID_PAYLOAD", detail, errors}
}

// Problem is the body of a failed reply (RFC 9457).
type Problem struct {
	Type      string         `json:"type"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail"`
	Code      string         `json:"code"`
	Retryable bool           `json:"retryable"`
	Errors    []PayloadError `json:"errors,omitempty"`
}

// What is quoted may be as long as the request was: a failure has to fit into a message, too.
const (
	mostDetail = 16_384
	mostText   = 512
)

func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}

// problemOf makes INTERNAL of what nobody foresaw: that is for the log, not for the caller.
func problemOf(err error, declared map[string]DeclaredError) Problem {
	failure, isFailure := err.(*Failure)
	if !isFailure {
		failure = &Failure{Code: "INTERNAL", Detail: "The handler failed; the log of the plugin says why."}
	}
	entry, isKnown := table[failure.Code]
	if !isKnown {
		entry, isKnown = declared[failure.Code]
	}
	if !isKnown {
		return problemOf(fmt.Errorf("%s is not declared", failure.Code), declared)
	}
	title := strings.ToLower(strings.ReplaceAll(failure.Code, "_", " "))
	var errors []PayloadError
	for _, one := range failure.Errors {
		errors = append(errors, PayloadError{cut(one.Path, mostText), cut(one.Message, mostText)})
	}
	return Problem{
		Type: "urn:bkg:error:" + strings.ToLower(failure.Code), Title: strings.ToUpper(title[:1]) + title[1:],
		Status: entry.Number, Detail: cut(failure.Detail, mostDetail), Code: failure.Code, Retryable: entry.Retryable,
		Errors: errors,
	}
}

// header of a failed reply: the error in one line of ASCII, and its number.
func (p Problem) header() Header {
	line := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, p.Code+": "+p.Detail)
	if len(line) > 200 {
		line = line[:200]
	}
	return Header{
		"Nats-Service-Error":      {line},
		"Nats-Service-Error-Code": {strconv.Itoa(p.Status)},
		"Content-Type":            {"application/problem+json"},
	}
}
