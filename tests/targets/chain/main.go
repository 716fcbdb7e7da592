// chain is a service that passes each request on to the next one, or a client that sends requests to
// the first. The path of a request names how it is treated and carries a number, and is the same in
// the whole chain, so that each join of two spans can be checked:
//
//	/pass/17   is answered
//	/empty/17  is answered without a body
//	/close/17  is answered, and the server says that it closes the connection
//	/drop/17   the last service closes a connection that has served before, without an answer, once
//	           for each number: the transport tries again
//	/slow/17   is given up by some clients while it is served
//	/post/17   has a body
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/ioutil"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type servedKey struct{}

// wrapped is a connection of a type of the program's own.
type wrapped struct{ net.Conn }

type wrappingListener struct{ net.Listener }

func (l wrappingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &wrapped{conn}, err
}

func dialWrapped(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return &wrapped{conn}, err
}

type service struct {
	next    string // URL of the next service; empty: the last
	forward bool   // passes traceparent on
	pad     int    // bytes of a header that nobody reads
	client  *http.Client
	dropped sync.Map
}

// unencryptedHTTP2 is HTTP/2 without TLS, where the program has it.
type unencryptedHTTP2 struct {
	serve     func(*http.Server)
	transport func() http.RoundTripper
}

var unencrypted *unencryptedHTTP2

// configure has a transport make requests of HTTP/2 by another implementation.
var configure func(*http.Transport) error

func newClient(connections int, http2, wrap bool) *http.Client {
	transport := &http.Transport{
		MaxIdleConns:        256,
		MaxIdleConnsPerHost: 256,
		MaxConnsPerHost:     connections,
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true},
		ForceAttemptHTTP2:   http2,
	}
	if wrap {
		transport.DialContext = dialWrapped
	}
	if http2 && configure != nil {
		if err := configure(transport); err != nil {
			log.Fatal(err)
		}
	}
	return &http.Client{Transport: transport}
}

// split returns the treatment and the number of a path.
func split(path string) (string, int) {
	parts := strings.Split(path, "/")
	number, _ := strconv.Atoi(parts[len(parts)-1])
	return parts[1], number
}

// servedOn returns how many requests the connection has had.
func servedOn(r *http.Request) *int32 {
	if served, ok := r.Context().Value(servedKey{}).(*int32); ok {
		return served
	}
	return new(int32)
}

// drops closes the connection of a request, the first time and if it is not the connection's first.
func (s *service) drops(w http.ResponseWriter, r *http.Request) bool {
	if atomic.LoadInt32(servedOn(r)) < 2 {
		return false
	}
	if _, again := s.dropped.LoadOrStore(r.URL.Path, true); again {
		return false
	}
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		log.Print(err)
		return false
	}
	conn.Close()
	return true
}

func (s *service) call(r *http.Request) (int, error) {
	ctx := context.Background()
	method := "GET"
	var body io.Reader
	switch treatment, number := split(r.URL.Path); treatment {
	case "post":
		method, body = "POST", strings.NewReader(r.URL.Path)
	case "slow":
		limited, cancel := context.WithTimeout(ctx, time.Duration(1+number%8)*time.Millisecond)
		defer cancel()
		ctx = limited
	}
	request, err := http.NewRequestWithContext(ctx, method, s.next+r.URL.Path, body)
	if err != nil {
		return 0, err
	}
	if value := r.Header.Get("Traceparent"); s.forward && value != "" {
		request.Header.Set("Traceparent", value)
	}
	if s.pad > 0 {
		// Of a letter that HPACK makes no shorter than it is.
		request.Header.Set("X-Pad", strings.Repeat("X", s.pad))
	}
	return exchange(s.client, request)
}

func exchange(client *http.Client, request *http.Request) (int, error) {
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(ioutil.Discard, response.Body)
	return response.StatusCode, err
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	atomic.AddInt32(servedOn(r), 1)
	treatment, _ := split(r.URL.Path)
	status := http.StatusOK
	if s.next != "" {
		var err error
		if status, err = s.call(r); err != nil {
			status = http.StatusBadGateway
		}
	} else if treatment == "drop" && s.drops(w, r) {
		return
	} else if treatment == "slow" {
		time.Sleep(4 * time.Millisecond)
	}
	if treatment == "close" {
		w.Header().Set("Connection", "close")
	}
	w.WriteHeader(status)
	if treatment != "empty" {
		io.WriteString(w, r.URL.Path)
	}
}

func serve(address string, secure, http2, wrap bool, s *service) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	if wrap {
		listener = wrappingListener{listener}
	}
	server := &http.Server{Handler: s, ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, servedKey{}, new(int32))
	}}
	if !secure {
		if http2 && unencrypted != nil {
			unencrypted.serve(server)
		}
		return server.Serve(listener)
	}
	config, err := selfSigned()
	if err != nil {
		return err
	}
	if http2 {
		server.TLSConfig = config
		return server.ServeTLS(listener, "", "")
	}
	return server.Serve(tls.NewListener(listener, config))
}

// drive sends requests with the numbers from first on and prints how many had which status. With
// flags, each has a traceparent whose trace id is its number.
func drive(url string, first, total, concurrent int, flags string) {
	client := newClient(0, false, false)
	statuses := make([]int32, 600)
	var next, errors int32
	var wait sync.WaitGroup
	for i := 0; i < concurrent; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := atomic.AddInt32(&next, 1); int(n) <= total; n = atomic.AddInt32(&next, 1) {
				number := first + int(n) - 1
				request, err := http.NewRequest("GET", fmt.Sprintf("%s/%d", url, number), nil)
				if err != nil {
					log.Fatal(err)
				}
				if flags != "" {
					request.Header.Set("Traceparent", fmt.Sprintf("00-%032x-%016x-%s", number+1, number+1, flags))
				}
				if status, err := exchange(client, request); err == nil {
					atomic.AddInt32(&statuses[status], 1)
				} else {
					atomic.AddInt32(&errors, 1)
				}
			}
		}()
	}
	wait.Wait()
	counts := map[string]int32{"errors": errors}
	for status, count := range statuses {
		if count > 0 {
			counts[strconv.Itoa(status)] = count
		}
	}
	json.NewEncoder(os.Stdout).Encode(counts)
}

func main() {
	address := flag.String("addr", "127.0.0.1:0", "address to serve on")
	secure := flag.Bool("tls", false, "serve TLS")
	http2 := flag.Bool("http2", false, "serve HTTP/2, without TLS where the program can, and make requests by it")
	callH2c := flag.Bool("call-h2c", false, "make requests by HTTP/2 without TLS")
	next := flag.String("next", "", "URL of the next service")
	connections := flag.Int("conns", 0, "make requests on so many connections; 0: on any number")
	wrapClient := flag.Bool("wrap-client", false, "make requests on connections of an own type")
	wrapServer := flag.Bool("wrap-server", false, "serve connections of an own type")
	forward := flag.Bool("forward", false, "pass the header traceparent on")
	pad := flag.Int("pad", 0, "make requests with a header of so many bytes")
	url := flag.String("drive", "", "be a client that sends requests to this URL and a number")
	first := flag.Int("first", 0, "of the client: the first number")
	total := flag.Int("n", 1, "of the client: how many requests")
	concurrent := flag.Int("c", 1, "of the client: how many at once")
	flags := flag.String("traceparent", "", "of the client: trace flags, to send the header traceparent")
	flag.Parse()
	if *url != "" {
		drive(*url, *first, *total, *concurrent, *flags)
		return
	}
	if unencrypted == nil && *callH2c {
		log.Fatal("this program has no HTTP/2 without TLS")
	}
	s := &service{next: *next, forward: *forward, pad: *pad, client: newClient(*connections, *http2, *wrapClient)}
	if *callH2c {
		s.client = &http.Client{Transport: unencrypted.transport()}
	}
	log.Fatal(serve(*address, *secure, *http2, *wrapServer, s))
}
