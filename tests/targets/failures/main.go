// Failures makes HTTP requests that fail, each in another way, and tells what
// each failed of: each line on its standard input is a number of requests of
// each scenario, which is answered by a line of JSON for each of them.
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
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		requests, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil {
			fail(err)
		}
		for _, scenario := range all {
			for _, outcome := range run(scenario, requests) {
				line, err := json.Marshal(outcome)
				if err != nil {
					fail(err)
				}
				fmt.Println(string(line))
			}
		}
		fmt.Println()
	}
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
	request, err := http.NewRequest(http.MethodGet, s.url+"/"+s.name, nil)
	if err != nil {
		fail(err)
	}
	ctx, cancel := s.context()
	defer cancel()
	transport := s.transport()
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return outcome{Scenario: s.name, ErrorType: errorType(err)}
	}
	defer response.Body.Close()
	io.Copy(ioutil.Discard, response.Body)
	return outcome{Scenario: s.name, Status: response.StatusCode}
}
