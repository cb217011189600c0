package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// What a plugin owes the mesh (PROTOCOL.md), on nats.go: discovery, questions and the drain. It publishes no events, so the
// registry finds it by $SRV.PING and takes its numbers from $SRV.STATS.

const graceTime = 10 * time.Second

type Plugin struct {
	ID, Version, Name, Description string
	Capabilities                   []Capability
}

// RunPlugin returns when the plugin was asked to end, and has.
func RunPlugin(plugin Plugin) error {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	servers := os.Getenv("BKG_NATS_URL")
	if servers == "" {
		servers = os.Getenv("NATS_URL")
	}
	if servers == "" {
		return errors.New("BKG_NATS_URL is not set: the broker, such as nats://127.0.0.1:43121")
	}
	// A wrong file is told now, and not at each dial.
	if _, _, err := Credentials(); err != nil {
		return err
	}
	config, err := readConfig()
	if err != nil {
		return err
	}
	instance := os.Getenv("BKG_INSTANCE_ID")
	if instance == "" {
		instance = randomID()
	}
	nats := Connect(servers, plugin.ID+" "+instance, func(why string) { log("warn", why) })
	select {
	case <-nats.Connected():
	case <-asked:
		return nil
	}
	invocations := newInvocations(plugin, config, nats)
	serveDiscovery(plugin, instance, nats, invocations)
	serveQuestions(plugin, instance, nats, invocations)
	endInvoke := nats.Subscribe("plugin."+plugin.ID+".invoke.>", "q", invocations.accept)
	// Ready means that the broker knows the subscription, not that it is on its way.
	nats.Flush()
	log("info", plugin.ID+" is running")
	<-asked
	log("info", "draining")
	// The order is the protocol's; each shorter way loses invocations.
	endInvoke()
	if !invocations.settled(graceTime) {
		invocations.abortAll(&Failure{Code: "PLUGIN_CRASHED", Detail: "The plugin stopped before it could answer."})
		invocations.settled(time.Second)
	}
	nats.Close()
	return nil
}

type endpoint struct {
	Name       string `json:"name"`
	Subject    string `json:"subject"`
	QueueGroup string `json:"queue_group"`
}

// serveDiscovery answers the nine subjects of the NATS service API.
func serveDiscovery(plugin Plugin, instance string, nats *Nats, invocations *Invocations) {
	startedAt := now()
	metadata := map[string]string{"bkg.name": plugin.Name, "bkg.protocol": "1"}
	var described []any
	for _, one := range plugin.Capabilities {
		described = append(described, struct {
			endpoint
			Metadata map[string]string `json:"metadata"`
		}{endpointOf(plugin, one), metadataOf(one)})
	}
	members := map[string]func() map[string]any{
		"PING": func() map[string]any { return map[string]any{} },
		"INFO": func() map[string]any {
			return map[string]any{"description": plugin.Description, "endpoints": described}
		},
		"STATS": func() map[string]any {
			var counted []any
			for _, one := range plugin.Capabilities {
				counted = append(counted, struct {
					endpoint
					Counts
				}{endpointOf(plugin, one), invocations.countsOf(one.ID)})
			}
			return map[string]any{"started": startedAt, "endpoints": counted}
		},
	}
	for verb, rest := range members {
		kind, rest := "io.nats.micro.v1."+strings.ToLower(verb)+"_response", rest
		for _, whose := range []string{"", "." + plugin.ID, "." + plugin.ID + "." + instance} {
			question(nats, "$SRV."+verb+whose, func(Message) any {
				reply := rest()
				reply["type"], reply["name"], reply["id"] = kind, plugin.ID, instance
				reply["version"], reply["metadata"] = plugin.Version, metadata
				return reply
			})
		}
	}
}

func serveQuestions(plugin Plugin, instance string, nats *Nats, invocations *Invocations) {
	question(nats, "plugin."+plugin.ID+".inflight", func(message Message) any {
		var asked struct {
			IDs []string `json:"invocation_ids"`
		}
		held := []string{}
		// What somebody sends that is no question holds nothing.
		if json.Unmarshal(message.Body, &asked) == nil {
			held = invocations.heldOf(asked.IDs)
		}
		return map[string]any{"instance": instance, "invocation_ids": held}
	})
	nats.Subscribe("plugin."+plugin.ID+".cancel", "", func(message Message) {
		var order struct {
			ID string `json:"invocation_id"`
		}
		if json.Unmarshal(message.Body, &order) == nil {
			invocations.end(order.ID, &Failure{Code: "CANCELLED", Detail: "The invocation was cancelled."})
		}
	})
}

// question answers with JSON. Whoever asks names the subject of the answer: never one outside of the inboxes.
func question(nats *Nats, subject string, reply func(Message) any) {
	nats.Subscribe(subject, "", func(message Message) {
		if !strings.HasPrefix(message.Reply, "_INBOX.") {
			return
		}
		body, err := json.Marshal(reply(message))
		if err == nil {
			err = nats.Publish(message.Reply, nil, body)
		}
		if err != nil {
			log("error", fmt.Sprintf("no answer on %s: %v", subject, err))
		}
	})
}

func endpointOf(plugin Plugin, one Capability) endpoint {
	return endpoint{strings.ReplaceAll(one.ID, ".", "_"), "plugin." + plugin.ID + ".invoke." + one.ID, "q"}
}

// metadataOf is an endpoint's part of the contract: all values are texts.
func metadataOf(one Capability) map[string]string {
	metadata := map[string]string{
		"bkg.capability":    one.ID,
		"bkg.description":   one.Description,
		"bkg.input_schema":  one.Input,
		"bkg.output_schema": one.Output,
	}
	if one.Idempotent {
		metadata["bkg.idempotent"] = "1"
	}
	if one.Errors != nil {
		declared, _ := json.Marshal(one.Errors) // Texts, numbers and booleans: it cannot fail.
		metadata["bkg.errors"] = string(declared)
	}
	return metadata
}

// Config is the part of a PluginConfig that is heeded here.
type Config struct {
	Resources struct {
		TimeoutSecs float64 `json:"timeout_secs"`
	} `json:"resources"`
	Limits struct {
		MaxConcurrency int `json:"max_concurrency"`
		MaxQueue       int `json:"max_queue"`
	} `json:"limits"`
}

func readConfig() (config Config, err error) {
	config.Resources.TimeoutSecs = 30
	config.Limits.MaxConcurrency, config.Limits.MaxQueue = 64, 1024
	if file := os.Getenv("BKG_CONFIG_FILE"); file != "" {
		var data []byte
		if data, err = os.ReadFile(file); err == nil {
			err = json.Unmarshal(data, &config)
		}
	}
	return config, err
}

// log writes a line of JSON to standard output, which the supervisor keeps of a managed plugin.
func log(level, message string) {
	line, _ := json.Marshal(map[string]string{"time": now(), "level": level, "message": message})
	fmt.Println(string(line))
}

func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

func randomID() string {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		panic(err) // Without randomness nothing here is safe.
	}
	return hex.EncodeToString(id)
}
