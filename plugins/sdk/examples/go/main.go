package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"
	"unicode/utf8"
)

func main() {
	if err := RunPlugin(hello); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var hello = Plugin{
	ID:          "hello-go",
	Version:     "1.0.0",
	Name:        "Hello, Go",
	Description: "Greets and waits; Go with the standard library alone.",
	Capabilities: []Capability{{
		ID:          "greet",
		Description: "Greets somebody by name.",
		Idempotent:  true,
		Input: `{"type": "object", "required": ["name"], "additionalProperties": false, "properties": {
			"name": {"type": "string", "minLength": 1, "maxLength": 100, "examples": ["Ada"]}}}`,
		Output: `{"type": "object", "required": ["greeting"], "properties": {"greeting": {"type": "string"}}}`,
		Errors: map[string]DeclaredError{
			"HELLO_GO_NOBODY": {Number: 404, Description: "There is nobody of this name."},
		},
		Run: greet,
	}, {
		ID:          "wait",
		Description: "Answers after a while, unless it is cancelled before.",
		Idempotent:  true,
		Input: `{"type": "object", "required": ["ms"], "additionalProperties": false, "properties": {
			"ms": {"type": "integer", "minimum": 0, "maximum": 60000, "examples": [100]}}}`,
		Output: `{"type": "object", "required": ["waited_ms"], "properties": {"waited_ms": {"type": "integer"}}}`,
		Run:    wait,
	}},
}

func greet(_ context.Context, payload json.RawMessage) (any, error) {
	var input struct {
		Name *string `json:"name"`
	}
	if err := decode(payload, &input); err != nil {
		return nil, err
	}
	if input.Name == nil || *input.Name == "" || utf8.RuneCountInString(*input.Name) > 100 {
		return nil, invalid("The payload does not fit: /name must be a text of 1 to 100 characters.",
			PayloadError{"/name", "must be a text of 1 to 100 characters"})
	}
	if *input.Name == "nobody" {
		return nil, &Failure{Code: "HELLO_GO_NOBODY", Detail: "There is nobody to greet."}
	}
	return map[string]string{"greeting": "Hello, " + *input.Name + "!"}, nil
}

func wait(ctx context.Context, payload json.RawMessage) (any, error) {
	var input struct {
		Ms *float64 `json:"ms"` // To JSON Schema 5.0 is an integer, to Go it is none.
	}
	if err := decode(payload, &input); err != nil {
		return nil, err
	}
	if input.Ms == nil || *input.Ms != float64(int(*input.Ms)) || *input.Ms < 0 || *input.Ms > 60_000 {
		return nil, invalid("The payload does not fit: /ms must be a whole number from 0 to 60000.",
			PayloadError{"/ms", "must be a whole number from 0 to 60000"})
	}
	ms := int(*input.Ms)
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
		return map[string]int{"waited_ms": ms}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
