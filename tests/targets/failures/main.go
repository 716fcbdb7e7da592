// Failures makes HTTP requests that fail, each in another way, and tells what
// each failed of: each line on its standard input is a number of requests of
// each scenario, which is answered by a line of JSON for each of them. Behind
// "bodies" it is a number of requests to itself, whose responses are consumed in
// different ways, and "leave" consumes them in none.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/ioutil"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// outcome is of one request.
type outcome struct {
	Scenario  string `json:"scenario"`
	ErrorType string `json:"error_type"` // empty: it was answered
	Status    int    `json:"status"`
}

func main() {
	servers, err := listen()
	if err != nil {
		fail(err)
	}
	all := scenarios(servers)
	bodies, err := listenForBodies()
	if err != nil {
		fail(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		requests, err := strconv.Atoi(words[len(words)-1])
		if err != nil {
			fail(err)
		}
		switch words[0] {
		case "bodies":
			for _, outcome := range bodies.run(requests) {
				tell(outcome)
			}
		case "leave":
			bodies.leave(requests)
		default:
			for _, scenario := range all {
				for _, outcome := range run(scenario, requests) {
					tell(outcome)
				}
			}
		}
		fmt.Println()
	}
}

func tell(outcome interface{}) {
	line, err := json.Marshal(outcome)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

var requests int64

// unique is another word each time.
func unique() string { return strconv.FormatInt(atomic.AddInt64(&requests, 1), 10) }

func newRequest(url string) *http.Request {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		fail(err)
	}
	return request
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "failures:", err)
	os.Exit(1)
}

// run makes so many requests at the same time.
func run(s scenario, requests int) []outcome {
	outcomes := make([]outcome, requests)
	var group sync.WaitGroup
	for i := range outcomes {
		group.Add(1)
		go func(outcome *outcome) {
			defer group.Done()
			*outcome = ask(s)
		}(&outcomes[i])
	}
	group.Wait()
	return outcomes
}

// ask calls the transport itself: http.Client wraps what it returns, and may ask again.
func ask(s scenario) outcome {
	ctx, cancel := s.context()
	defer cancel()
	transport := s.transport()
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(newRequest(s.url + "/" + s.name).WithContext(ctx))
	if err != nil {
		return outcome{Scenario: s.name, ErrorType: errorType(err)}
	}
	defer response.Body.Close()
	io.Copy(ioutil.Discard, response.Body)
	return outcome{Scenario: s.name, Status: response.StatusCode}
}
