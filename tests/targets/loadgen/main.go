// Loadgen sends a known number of HTTP requests and prints, as JSON, what it
// sent and what came back, so that a test can compare it with what was seen.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// report is what is printed at the end.
type report struct {
	Requests int64            `json:"requests"` // sent, including those that failed
	OK       int64            `json:"ok"`       // answered with a status below 400
	Failed   int64            `json:"failed"`   // no answer at all
	Statuses map[int]int64    `json:"statuses"` // answers by status
	Paths    map[string]int64 `json:"paths"`    // requests sent by path
	Seconds  float64          `json:"seconds"`
	P50      float64          `json:"p50_us"` // half of the answers took no longer, in microseconds
	P99      float64          `json:"p99_us"`
	Error    string           `json:"error,omitempty"` // the last failure

	durations []time.Duration // of each answer, where the load ends by itself
}

func (r *report) fail(err error) {
	r.Failed++
	r.Error = err.Error()
}

func (r *report) answer(status int) {
	r.Statuses[status]++
	if status < 400 {
		r.OK++
	}
}

func (r *report) add(other *report) {
	r.Requests += other.Requests
	r.OK += other.OK
	r.Failed += other.Failed
	for status, count := range other.Statuses {
		r.Statuses[status] += count
	}
	for path, count := range other.Paths {
		r.Paths[path] += count
	}
	r.durations = append(r.durations, other.durations...)
	if other.Error != "" {
		r.Error = other.Error
	}
}

func (r *report) countQuantiles() {
	if len(r.durations) == 0 {
		return
	}
	sort.Slice(r.durations, func(i, j int) bool { return r.durations[i] < r.durations[j] })
	quantile := func(percent int) float64 {
		return float64(r.durations[(len(r.durations)-1)*percent/100].Nanoseconds()) / 1000
	}
	r.P50, r.P99 = quantile(50), quantile(99)
}

func newReport() *report {
	return &report{Statuses: map[int]int64{}, Paths: map[string]int64{}}
}

// load is what was asked for on the command line.
type load struct {
	url       string
	method    string
	total     int64
	paths     int64
	bodyBytes int
	interval  time.Duration
	duration  time.Duration
	raw       bool
	headers   headers
	client    *http.Client
}

// wants tells whether request number n is to be sent, now that the load has been going on so long.
func (l *load) wants(n int64, so time.Duration) bool {
	return (l.total == 0 || n < l.total) && (l.duration == 0 || so < l.duration)
}

// headers are those of each request, each given as "Name: value"; a name may come more than once.
type headers []string

func (h *headers) String() string { return strings.Join(*h, ", ") }

func (h *headers) Set(line string) error {
	if !strings.Contains(line, ": ") {
		return fmt.Errorf("%q is no header", line)
	}
	*h = append(*h, line)
	return nil
}

// path returns what request number n appends to the URL.
func (l *load) path(n int64) string {
	if l.paths == 0 {
		return ""
	}
	return fmt.Sprintf("/%d", n%l.paths)
}

func (l *load) send(n int64, into *report) {
	path := l.path(n)
	var body io.Reader
	if l.bodyBytes > 0 {
		body = strings.NewReader(strings.Repeat("x", l.bodyBytes))
	}
	request, err := http.NewRequest(l.method, l.url+path, body)
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(2)
	}
	for _, line := range l.headers {
		parts := strings.SplitN(line, ": ", 2)
		request.Header.Add(parts[0], parts[1])
	}
	if request.URL.Path == "" {
		request.URL.Path = "/" // what the client sends for it
	}
	into.Requests++
	into.Paths[request.URL.Path]++
	response, err := l.client.Do(request)
	if err != nil {
		into.fail(err)
		return
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	into.answer(response.StatusCode)
}

// run sends all requests over the given number of connections.
func (l *load) run(connections int) *report {
	var next int64
	reports := make([]*report, connections)
	started := time.Now()
	var workers sync.WaitGroup
	for i := range reports {
		reports[i] = newReport()
		workers.Add(1)
		go func(own *report) {
			defer workers.Done()
			var client *rawClient
			for before := time.Since(started); ; {
				n := atomic.AddInt64(&next, 1) - 1
				if !l.wants(n, before) {
					return
				}
				if l.raw {
					l.sendRaw(&client, own)
				} else {
					l.send(n, own)
				}
				after := time.Since(started)
				if l.total > 0 || l.duration > 0 {
					own.durations = append(own.durations, after-before)
				}
				if l.interval > 0 {
					time.Sleep(l.interval)
					after = time.Since(started)
				}
				before = after
			}
		}(reports[i])
	}
	workers.Wait()

	sum := newReport()
	sum.Seconds = time.Since(started).Seconds()
	for _, own := range reports {
		sum.add(own)
	}
	sum.countQuantiles()
	return sum
}

func main() {
	url := flag.String("url", "", "where to send the requests, for example http://127.0.0.1:8080/hello")
	total := flag.Int64("n", 1000, "requests to send; 0 goes on until killed, or for -duration")
	duration := flag.Duration("duration", 0, "begin no request after this long; 0 goes on until -n are sent")
	raw := flag.Bool("raw", false, "GET over HTTP/1 with little CPU time of its own; knows neither headers nor chunks")
	connections := flag.Int("c", 4, "connections, each with one request at a time")
	method := flag.String("method", http.MethodGet, "method of each request")
	paths := flag.Int64("paths", 0, "append /0 to /PATHS-1 to the URL in turn; 0 appends nothing")
	bodyBytes := flag.Int("body", 0, "bytes in each request's body")
	keepAlive := flag.Bool("keepalive", true, "send many requests over one connection")
	interval := flag.Duration("interval", 0, "pause of each connection after an answer")
	http2 := flag.Bool("http2", false, "speak HTTP/2 over TLS; trusts any certificate")
	insecure := flag.Bool("insecure", false, "speak HTTP/1 over TLS; trusts any certificate")
	h2c := flag.Bool("h2c", false, "speak HTTP/2 without TLS")
	timeout := flag.Duration("timeout", 30*time.Second, "give up on a request after this long")
	var lines headers
	flag.Var(&lines, "header", "a header of each request, such as \"Accept: text/html\"; again for more")
	flag.Parse()
	if *url == "" || *connections < 1 || *total < 0 || *paths < 0 || *bodyBytes < 0 {
		fmt.Fprintln(os.Stderr, "loadgen: give -url, and no negative number")
		os.Exit(2)
	}

	asked := load{
		url: strings.TrimSuffix(*url, "/"), method: *method, total: *total, paths: *paths,
		bodyBytes: *bodyBytes, interval: *interval, headers: lines, duration: *duration, raw: *raw,
		client: &http.Client{
			Timeout: *timeout,
			Transport: &http.Transport{
				MaxIdleConnsPerHost: *connections,
				// Or a request that finds none idle dials one more, even if another becomes idle before it.
				MaxConnsPerHost:   *connections,
				DisableKeepAlives: !*keepAlive,
				ForceAttemptHTTP2: *http2,
				TLSClientConfig:   &tls.Config{InsecureSkipVerify: *http2 || *insecure},
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if *h2c && !speakH2c(asked.client.Transport.(*http.Transport)) {
		fmt.Fprintln(os.Stderr, "loadgen: -h2c needs Go 1.24 or newer")
		os.Exit(2)
	}
	result := asked.run(*connections)
	encoder := json.NewEncoder(os.Stdout)
	if err := encoder.Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(1)
	}
	if result.Failed > 0 {
		os.Exit(1)
	}
}
