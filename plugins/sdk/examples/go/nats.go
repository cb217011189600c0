package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A NATS client in one file. It knows what a plugin needs: user and password, subscriptions with queue groups, headers,
// and a connection that comes back by itself. No TLS, no JetStream.

const (
	handshakeTime = 5 * time.Second
	flushTime     = 2 * time.Second
	pingEvery     = 15 * time.Second
	writeTime     = 10 * time.Second
	mostLineBytes = 64 * 1024
)

// Header of a message; the names are case-sensitive.
type Header map[string][]string

func (h Header) Get(name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

type Message struct {
	Subject string
	Reply   string
	Header  Header
	Body    []byte
}

type subscription struct {
	subject, queue string
	take           func(Message)
}

// Nats is a connection that dials until it is closed, after each loss again.
type Nats struct {
	servers []string
	name    string
	trouble func(why string)

	mutex         sync.Mutex
	conn          net.Conn // nil while the broker is away
	subscriptions map[int]subscription
	lastSid       int
	pongs         []chan bool // each takes one PONG: they come in the order of the PINGs
	maxPayload    int
	closed        bool
	connected     chan struct{} // closed at the first connection
}

// Connect returns at once; Connected is closed when the broker is there. servers: nats://host:port, several separated by
// commas. trouble is told why the broker is away and what it complains of.
func Connect(servers, name string, trouble func(string)) *Nats {
	n := &Nats{
		servers: strings.Split(servers, ","), name: name, trouble: trouble,
		subscriptions: map[int]subscription{}, maxPayload: 1 << 20, connected: make(chan struct{}),
	}
	go n.keep()
	return n
}

func (n *Nats) Connected() <-chan struct{} { return n.connected }

func (n *Nats) MaxPayload() int {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.maxPayload
}

// Subscribe calls take for each message, in their order and one after the other: it must not block. The function that is
// returned ends it, and returns when everything that was on its way has arrived.
func (n *Nats) Subscribe(subject, queue string, take func(Message)) func() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.lastSid++
	sid := n.lastSid
	n.subscriptions[sid] = subscription{subject, queue, take}
	n.write(fmt.Sprintf("SUB %s %s %d\r\n", subject, queue, sid))
	return func() {
		n.mutex.Lock()
		n.write(fmt.Sprintf("UNSUB %d\r\n", sid))
		n.mutex.Unlock()
		n.Flush()
		n.mutex.Lock()
		delete(n.subscriptions, sid)
		n.mutex.Unlock()
	}
}

// Publish fails when the message is too large, a header has several lines, or the broker is away.
func (n *Nats) Publish(subject string, header Header, body []byte) error {
	head, err := encodeHeader(header)
	if err != nil {
		return err
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	size := len(head) + len(body)
	if size > n.maxPayload {
		return fmt.Errorf("the message has %d bytes; the broker takes %d", size, n.maxPayload)
	}
	line := fmt.Sprintf("PUB %s %d\r\n", subject, size)
	if head != "" {
		line = fmt.Sprintf("HPUB %s %d %d\r\n", subject, len(head), size)
	}
	return n.write(line + head + string(body) + "\r\n")
}

// Flush waits until the broker has handled everything sent so far; false when it does not say so in time.
func (n *Nats) Flush() bool { return n.ping(flushTime) }

func (n *Nats) Close() {
	n.Flush()
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.closed = true
	if n.conn != nil {
		n.conn.Close()
	}
}

func (n *Nats) ping(within time.Duration) bool {
	pong := make(chan bool, 1)
	n.mutex.Lock()
	err := n.write("PING\r\n")
	if err == nil {
		n.pongs = append(n.pongs, pong)
	}
	n.mutex.Unlock()
	if err != nil {
		return false
	}
	select {
	case arrived := <-pong:
		return arrived
	case <-time.After(within):
		return false
	}
}

// write is called with the mutex.
func (n *Nats) write(data string) error {
	if n.conn == nil {
		return errors.New("the broker is away")
	}
	n.conn.SetWriteDeadline(time.Now().Add(writeTime))
	_, err := io.WriteString(n.conn, data)
	if err != nil {
		// Perhaps half of it is sent: nothing may follow it. The reader will notice, and dial again.
		n.conn.Close()
	}
	return err
}

func (n *Nats) keep() {
	for attempt := 0; ; attempt++ {
		wasConnected, err := n.serve(n.servers[attempt%len(n.servers)])
		n.mutex.Lock()
		n.conn = nil
		for _, pong := range n.pongs {
			pong <- false
		}
		n.pongs = nil
		closed := n.closed
		n.mutex.Unlock()
		if closed {
			return
		}
		n.trouble("the broker is away: " + err.Error())
		if wasConnected {
			attempt = 0
		}
		backoff := 10 * time.Second
		if attempt < 6 {
			backoff = 250 * time.Millisecond << attempt
		}
		// Half of it is chance, so that a thousand clients do not come back at the same moment.
		time.Sleep(backoff/2 + time.Duration(rand.Int63n(int64(backoff/2))))
	}
}

// serve is one connection, from the dial until it is lost.
func (n *Nats) serve(server string) (wasConnected bool, err error) {
	address, err := url.Parse(strings.TrimSpace(server))
	if err != nil {
		return false, err
	}
	host := address.Host
	if address.Port() == "" {
		host = net.JoinHostPort(address.Hostname(), "4222")
	}
	conn, err := net.DialTimeout("tcp", host, handshakeTime)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	reader := bufio.NewReaderSize(conn, mostLineBytes)
	conn.SetReadDeadline(time.Now().Add(handshakeTime))
	if err := n.greet(conn, reader); err != nil {
		return false, err
	}
	conn.SetReadDeadline(time.Time{})
	n.begin(conn)
	ended := make(chan struct{})
	defer close(ended)
	go n.watch(conn, ended)
	for {
		if err := n.take(reader); err != nil {
			return true, err
		}
	}
}

// greet reads INFO, sends who we are, and reads PONG: the broker has let us in.
func (n *Nats) greet(conn net.Conn, reader *bufio.Reader) error {
	operation, rest, err := readLine(reader)
	if err != nil {
		return err
	}
	var info struct {
		TLSRequired bool `json:"tls_required"`
		MaxPayload  int  `json:"max_payload"`
	}
	if operation != "INFO" || json.Unmarshal([]byte(rest), &info) != nil {
		return fmt.Errorf("the broker began with %q, which is no NATS", operation)
	}
	if info.TLSRequired {
		return errors.New("the broker wants TLS, which this client does not speak")
	}
	user, password, err := Credentials()
	if err != nil {
		return err
	}
	options, err := json.Marshal(map[string]any{
		"verbose": false, "pedantic": false, "headers": true, "no_responders": true, "protocol": 1,
		"lang": "go", "version": "1.0.0", "name": n.name, "user": user, "pass": password,
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %s\r\nPING\r\n", options); err != nil {
		return err
	}
	for {
		operation, rest, err := readLine(reader)
		if err != nil {
			return err
		}
		if operation == "-ERR" {
			return errors.New(rest)
		}
		if operation == "PONG" {
			n.mutex.Lock()
			defer n.mutex.Unlock()
			n.maxPayload = info.MaxPayload
			return nil
		}
	}
}

func (n *Nats) begin(conn net.Conn) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.conn = conn
	for sid, one := range n.subscriptions {
		n.write(fmt.Sprintf("SUB %s %s %d\r\n", one.subject, one.queue, sid))
	}
	select {
	case <-n.connected:
	default:
		close(n.connected)
	}
}

// watch closes a connection on which nothing is answered any more.
func (n *Nats) watch(conn net.Conn, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-time.After(pingEvery):
			if !n.ping(pingEvery) {
				conn.Close()
				return
			}
		}
	}
}

// take reads and handles one operation.
func (n *Nats) take(reader *bufio.Reader) error {
	operation, rest, err := readLine(reader)
	if err != nil {
		return err
	}
	switch operation {
	case "MSG", "HMSG":
		sid, message, err := readMessage(reader, strings.Fields(rest), operation == "HMSG")
		if err != nil {
			return err
		}
		n.mutex.Lock()
		one, isKnown := n.subscriptions[sid]
		n.mutex.Unlock()
		if isKnown {
			one.take(message)
		}
	case "PING":
		n.mutex.Lock()
		defer n.mutex.Unlock()
		return n.write("PONG\r\n")
	case "PONG":
		n.mutex.Lock()
		defer n.mutex.Unlock()
		if len(n.pongs) > 0 {
			n.pongs[0] <- true
			n.pongs = n.pongs[1:]
		}
	case "-ERR":
		n.trouble("the broker complains: " + strings.Trim(rest, "'"))
	case "INFO", "+OK":
	default:
		return fmt.Errorf("the broker sent %q, which is no NATS", operation)
	}
	return nil
}

func readLine(reader *bufio.Reader) (operation, rest string, err error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return "", "", err
	}
	operation, rest, _ = strings.Cut(strings.TrimSpace(string(line)), " ")
	return strings.ToUpper(operation), rest, nil
}

// readMessage takes "subject sid [reply] size" or "subject sid [reply] header-size size", and what follows the line.
func readMessage(reader io.Reader, words []string, hasHeader bool) (sid int, message Message, err error) {
	sizes := 1
	if hasHeader {
		sizes = 2
	}
	if len(words) < 2+sizes || len(words) > 3+sizes {
		return 0, message, fmt.Errorf("the broker announced a message with %q", words)
	}
	message.Subject = words[0]
	sid, err = strconv.Atoi(words[1])
	if err != nil {
		return 0, message, err
	}
	if len(words) == 3+sizes {
		message.Reply = words[2]
	}
	size, err := strconv.Atoi(words[len(words)-1])
	if err != nil {
		return 0, message, err
	}
	headSize := 0
	if hasHeader {
		headSize, err = strconv.Atoi(words[len(words)-2])
	}
	if err != nil || headSize < 0 || headSize > size {
		return 0, message, fmt.Errorf("the broker announced a message with %q", words)
	}
	data := make([]byte, size+2)
	if _, err := io.ReadFull(reader, data); err != nil {
		return 0, message, err
	}
	message.Header = decodeHeader(data[:headSize])
	message.Body = data[headSize:size]
	return sid, message, nil
}

func decodeHeader(head []byte) Header {
	header := Header{}
	for i, line := range bytes.Split(head, []byte("\r\n")) {
		name, value, isHeader := strings.Cut(string(line), ":")
		if i > 0 && isHeader {
			header[name] = append(header[name], strings.TrimSpace(value))
		}
	}
	return header
}

func encodeHeader(header Header) (string, error) {
	if len(header) == 0 {
		return "", nil
	}
	var head strings.Builder
	head.WriteString("NATS/1.0\r\n")
	for name, values := range header {
		for _, value := range values {
			if strings.ContainsAny(name+value, "\r\n") {
				return "", fmt.Errorf("the header %s must be one line", name)
			}
			fmt.Fprintf(&head, "%s: %s\r\n", name, value)
		}
	}
	head.WriteString("\r\n")
	return head.String(), nil
}

// Credentials are in the file BKG_CREDENTIALS_FILE, else in NATS_USER and NATS_PASSWORD. They are read at each dial: the
// password may have changed.
func Credentials() (user, password string, err error) {
	file := os.Getenv("BKG_CREDENTIALS_FILE")
	if file == "" {
		if user = os.Getenv("NATS_USER"); user == "" {
			return "", "", errors.New("no credentials: set BKG_CREDENTIALS_FILE, or NATS_USER and NATS_PASSWORD")
		}
		return user, os.Getenv("NATS_PASSWORD"), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	var given struct{ User, Password string }
	if err := json.Unmarshal(data, &given); err != nil {
		return "", "", fmt.Errorf("%s is no JSON: %w", file, err)
	}
	return given.User, given.Password, nil
}
