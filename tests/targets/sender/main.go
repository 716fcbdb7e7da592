// Sender makes the HTTP requests that it is told to make, so that a test can look at what comes in at
// the other end. Each line of its input is a command, as JSON; each line of its output says what came
// of one.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type command struct {
	URL    string
	Method string
	// Put into the header map as they are, whatever their case.
	Header map[string]string
	// Bytes of the body, and whether their number is told.
	Body    int
	Chunked bool
	// Of the transport; a command with one of these has its own.
	Proxy       string
	WriteBuffer int
	// More than one request: each with its number behind the URL, so many at once.
	Count      int
	Concurrent int
	// Gives up after so long.
	CancelMicroseconds int
	// Without a transport: by Request.Write, into a buffer.
	Direct bool
}

// letters is a body whose length http.NewRequest does not know.
type letters struct{ io.Reader }

func (c *command) request(number int) (*http.Request, context.CancelFunc, error) {
	address := c.URL
	if c.Count > 1 {
		address += "/" + strconv.Itoa(number)
	}
	var body io.Reader
	if c.Body > 0 {
		body = strings.NewReader(strings.Repeat("x", c.Body))
		if c.Chunked {
			body = letters{body}
		}
	}
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if c.CancelMicroseconds > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.CancelMicroseconds)*time.Microsecond)
	}
	request, err := http.NewRequestWithContext(ctx, c.Method, address, body)
	if err != nil {
		return nil, cancel, err
	}
	for key, value := range c.Header {
		request.Header[key] = []string{value}
	}
	return request, cancel, nil
}

func newTransport(c *command) (*http.Transport, error) {
	transport := &http.Transport{
		MaxIdleConnsPerHost:   64,
		WriteBufferSize:       c.WriteBuffer,
		ExpectContinueTimeout: 10 * time.Second,
		TLSClientConfig:       &tls.Config{InsecureSkipVerify: true},
	}
	if c.Proxy != "" {
		proxy, err := url.Parse(c.Proxy)
		if err != nil {
			return nil, err
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	return transport, nil
}

func writeDirectly(request *http.Request) (int, error) {
	conn, err := net.Dial("tcp", request.URL.Host)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	buffer := bufio.NewWriter(conn)
	if err := request.Write(buffer); err != nil {
		return 0, err
	}
	if err := buffer.Flush(); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, nil
}

func (c *command) send(number int, client *http.Client) (int, error) {
	request, cancel, err := c.request(number)
	defer cancel()
	if err != nil {
		return 0, err
	}
	if c.Direct {
		return writeDirectly(request)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(ioutil.Discard, response.Body)
	return response.StatusCode, err
}

// run makes the requests of a command and returns how many had which status.
func (c *command) run(client *http.Client) map[string]interface{} {
	var mutex sync.Mutex
	var wait sync.WaitGroup
	var next int32
	counts := map[string]int{}
	lastError := ""
	for i := 0; i < c.Concurrent; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := int(atomic.AddInt32(&next, 1)); n <= c.Count; n = int(atomic.AddInt32(&next, 1)) {
				status, err := c.send(n, client)
				mutex.Lock()
				if err != nil {
					lastError = err.Error()
					counts["errors"]++
				} else {
					counts[strconv.Itoa(status)]++
				}
				mutex.Unlock()
			}
		}()
	}
	wait.Wait()
	return map[string]interface{}{"counts": counts, "error": lastError}
}

func main() {
	shared, err := newTransport(&command{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "sender:", err)
		os.Exit(1)
	}
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<20)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		c := command{Method: http.MethodGet, Count: 1, Concurrent: 1}
		if err := json.Unmarshal(input.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, "sender:", err)
			os.Exit(2)
		}
		transport := shared
		if c.Proxy != "" || c.WriteBuffer > 0 {
			if transport, err = newTransport(&c); err != nil {
				fmt.Fprintln(os.Stderr, "sender:", err)
				os.Exit(2)
			}
		}
		output.Encode(c.run(&http.Client{Transport: transport}))
		if transport != shared {
			transport.CloseIdleConnections()
		}
	}
}
