package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Capability has a Run that takes a payload, and returns what becomes JSON. Its context ends when the answer is due. A
// *Failure is told to the caller as it is.
type Capability struct {
	ID, Description string
	Input, Output   string // JSON Schemas
	Idempotent      bool
	Errors          map[string]DeclaredError
	Run             func(ctx context.Context, payload json.RawMessage) (any, error)
}

// Counts of an endpoint as the NATS service API wants them: whole numbers, times in nanoseconds.
type Counts struct {
	Requests   int    `json:"num_requests"`
	Errors     int    `json:"num_errors"`
	LastError  string `json:"last_error"`
	Processing int64  `json:"processing_time"`
	Average    int64  `json:"average_processing_time"`
}

// Invocations takes messages on the invoke subjects to their one answer: in the order of PROTOCOL.md, "Invocation".
type Invocations struct {
	plugin   Plugin
	nats     *Nats
	mostTime time.Duration
	mostBusy int

	mutex sync.Mutex
	held  map[string]chan *Failure // what ends an invocation early, by its id: from its arrival until its answer
	busy  int                      // handlers, some of which go on after their answer was due
	stats map[string]Counts
}

func newInvocations(plugin Plugin, config Config, nats *Nats) *Invocations {
	return &Invocations{
		plugin: plugin, nats: nats,
		mostTime: time.Duration(config.Resources.TimeoutSecs * float64(time.Second)),
		// All run at once, which is right for what waits and not for what computes.
		mostBusy: config.Limits.MaxConcurrency + config.Limits.MaxQueue,
		held:     map[string]chan *Failure{}, stats: map[string]Counts{},
	}
}

func (v *Invocations) countsOf(capability string) Counts {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return v.stats[capability]
}

func (v *Invocations) heldOf(ids []string) []string {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	held := []string{}
	for _, id := range ids {
		if _, isHeld := v.held[id]; isHeld {
			held = append(held, id)
		}
	}
	return held
}

// end makes the answer due now, with this failure. An id that is not held is no error.
func (v *Invocations) end(id string, failure *Failure) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	select {
	case v.held[id] <- failure:
	default: // Nobody holds it, or it ends already.
	}
}

func (v *Invocations) abortAll(failure *Failure) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	for _, early := range v.held {
		select {
		case early <- failure:
		default:
		}
	}
}

// settled waits until everything is answered and every handler has ended; false when the time was not enough.
func (v *Invocations) settled(within time.Duration) bool {
	for until := time.Now().Add(within); ; time.Sleep(5 * time.Millisecond) {
		v.mutex.Lock()
		isSettled := len(v.held) == 0 && v.busy == 0
		v.mutex.Unlock()
		if isSettled || time.Now().After(until) {
			return isSettled
		}
	}
}

func (v *Invocations) accept(message Message) {
	// Who asks names the subject of the answer; a plugin must not be made to publish anywhere else.
	if message.Reply != "" && !strings.HasPrefix(message.Reply, "_INBOX.") {
		return
	}
	arrived := time.Now()
	id := message.Header.Get("Bkg-Invocation-Id")
	if id == "" {
		id = randomID()
	}
	early := make(chan *Failure, 1)
	// In the order of arrival, and not when the goroutine has its turn: a cancel may be the next message.
	v.mutex.Lock()
	_, isRunning := v.held[id]
	if !isRunning {
		v.held[id] = early
	}
	v.mutex.Unlock()
	go func() {
		capability := strings.Join(strings.Split(message.Subject, ".")[3:], ".")
		var output []byte
		var err error = &Failure{Code: "CONFLICT", Detail: "An invocation with this id is running."}
		if !isRunning {
			output, err = v.run(message, capability, early)
		}
		header, body := v.counted(capability, arrived, output, err)
		v.mutex.Lock()
		defer v.mutex.Unlock()
		// In one: who is told that it is not held must have its answer already, and who has the answer may use the id again.
		v.publish(message, header, body)
		if !isRunning {
			delete(v.held, id)
		}
	}()
}

func (v *Invocations) run(message Message, id string, early <-chan *Failure) ([]byte, error) {
	timeout, err := timeoutOf(message, v.mostTime)
	if err != nil {
		return nil, err
	}
	capability, err := v.capability(id)
	if err != nil {
		return nil, err
	}
	// Valid alone takes wrong bytes in texts, which become replacement characters when they are read.
	if !utf8.Valid(message.Body) || !json.Valid(message.Body) {
		return nil, invalid("The payload is not JSON in UTF-8.")
	}
	ctx, stop := context.WithTimeout(context.Background(), timeout)
	defer stop()
	type result struct {
		output any
		err    error
	}
	done := make(chan result, 1)
	if !v.begin() {
		return nil, &Failure{Code: "BUSY", Detail: v.plugin.ID + " has too much to do."}
	}
	go func() {
		defer v.finish()
		// One handler that panics must not end the others.
		defer func() {
			if reason := recover(); reason != nil {
				done <- result{err: fmt.Errorf("panic: %v\n%s", reason, debug.Stack())}
			}
		}()
		output, err := capability.Run(ctx, message.Body)
		done <- result{output, err}
	}()
	select {
	case failure := <-early:
		return nil, failure
	case <-ctx.Done():
		return nil, &Failure{Code: "DEADLINE_EXCEEDED", Detail: fmt.Sprintf("%s did not answer within %v.", id, timeout)}
	case one := <-done:
		if one.err != nil {
			return nil, one.err
		}
		output, err := json.Marshal(one.output)
		if err != nil || len(output) > v.nats.MaxPayload() {
			detail := fmt.Sprintf("The result of %s is no JSON, or more than the broker takes.", id)
			return nil, &Failure{Code: "INVALID_OUTPUT", Detail: detail}
		}
		return output, nil
	}
}

func (v *Invocations) capability(id string) (Capability, error) {
	var known []string
	for _, one := range v.plugin.Capabilities {
		if one.ID == id {
			return one, nil
		}
		known = append(known, one.ID)
	}
	detail := fmt.Sprintf("%s has no capability %.64q; it has %s.", v.plugin.ID, id, strings.Join(known, ", "))
	return Capability{}, &Failure{Code: "CAPABILITY_NOT_FOUND", Detail: detail}
}

func (v *Invocations) begin() bool {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if v.busy >= v.mostBusy {
		return false
	}
	v.busy++
	return true
}

func (v *Invocations) finish() {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.busy--
}

// counted makes the answer of an output or a failure, and counts it.
func (v *Invocations) counted(id string, arrived time.Time, output []byte, err error) (Header, []byte) {
	if err == nil {
		v.count(id, time.Since(arrived), "")
		return nil, output
	}
	capability, _ := v.capability(id)
	problem := problemOf(err, capability.Errors)
	if problem.Code == "INTERNAL" {
		log("error", id+" failed: "+err.Error())
	}
	v.count(id, time.Since(arrived), problem.Code+": "+problem.Detail)
	body, _ := json.Marshal(problem) // Texts, numbers and booleans: it cannot fail.
	return problem.header(), body
}

func (v *Invocations) publish(message Message, header Header, body []byte) {
	if message.Reply == "" {
		return
	}
	if err := v.nats.Publish(message.Reply, header, body); err != nil {
		log("error", "an answer was lost: "+err.Error())
	}
}

func (v *Invocations) count(id string, took time.Duration, failure string) {
	if _, err := v.capability(id); err != nil {
		return
	}
	v.mutex.Lock()
	defer v.mutex.Unlock()
	counts := v.stats[id]
	counts.Requests++
	counts.Processing += took.Nanoseconds()
	counts.Average = counts.Processing / int64(counts.Requests)
	if failure != "" {
		counts.Errors++
		counts.LastError = failure
	}
	v.stats[id] = counts
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
var msPattern = regexp.MustCompile(`^[0-9]{1,9}$`)

// timeoutOf is the time that the caller has left, at most `most`. It fails for headers that cannot be.
func timeoutOf(message Message, most time.Duration) (time.Duration, error) {
	contentType, _, _ := strings.Cut(message.Header.Get("Content-Type"), ";")
	if contentType != "" && !strings.EqualFold(strings.TrimSpace(contentType), "application/json") {
		return 0, invalid("The content type is " + contentType + "; it takes application/json.")
	}
	if id := message.Header.Get("Bkg-Invocation-Id"); id != "" && !idPattern.MatchString(id) {
		return 0, invalid(`Bkg-Invocation-Id takes up to 128 characters of A-Z, a-z, 0-9, "_" and "-".`)
	}
	given := message.Header.Get("Bkg-Timeout-Ms")
	if given == "" {
		return most, nil
	}
	if !msPattern.MatchString(given) {
		return 0, invalid("Bkg-Timeout-Ms is " + strconv.Quote(given) + "; it takes whole milliseconds.")
	}
	ms, err := strconv.Atoi(given)
	if timeout := time.Duration(ms) * time.Millisecond; timeout < most {
		return timeout, err
	}
	return most, err
}

// decode reads a payload into a struct, and refuses members that it does not have.
func decode(payload json.RawMessage, into any) error {
	decoder := json.NewDecoder(strings.NewReader(string(payload)))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		return nil
	}
	wrong := PayloadError{Message: strings.TrimPrefix(err.Error(), "json: ")}
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.Field != "" {
		wrong = PayloadError{Path: "/" + mismatch.Field, Message: "must not be of the type " + mismatch.Value}
	}
	return invalid("The payload does not fit: "+wrong.Path+" "+wrong.Message+".", wrong)
}
