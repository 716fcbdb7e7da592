package main

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"io/ioutil"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"
)

// pause is what the parts of a response lie apart.
const pause = 60 * time.Millisecond

// bodyOutcome is of a request whose response has a body. Times are those of the wall clock.
type bodyOutcome struct {
	Path     string `json:"path"`
	End      string `json:"end"` // "read", "closed", or what reading failed of
	Protocol string `json:"protocol"`
	Writing  int64  `json:"writing_ns"` // the server begins to write
	Written  int64  `json:"written_ns"` // and has flushed the first part
	Answered int64  `json:"answered_ns"`
	Ending   int64  `json:"ending_ns"` // the client begins with what ends the body
	Ended    int64  `json:"ended_ns"`
}

// bodies serves what its own clients ask for.
type bodies struct {
	mutex    sync.Mutex
	outcomes map[string]*bodyOutcome // by path
	plain    string
	secure   string
}

// A way to end a body, after a part of it was read.
var consume = map[string]func(body io.ReadCloser, cancel context.CancelFunc) error{
	"read": func(body io.ReadCloser, _ context.CancelFunc) error {
		_, err := io.Copy(ioutil.Discard, body)
		return err
	},
	"gzip": func(body io.ReadCloser, _ context.CancelFunc) error {
		_, err := io.Copy(ioutil.Discard, body)
		return err
	},
	"goroutine": func(body io.ReadCloser, _ context.CancelFunc) error {
		failed := make(chan error)
		go func() {
			_, err := io.Copy(ioutil.Discard, body)
			failed <- err
		}()
		return <-failed
	},
	"closed": func(body io.ReadCloser, _ context.CancelFunc) error { return body.Close() },
	"cancelled": func(body io.ReadCloser, cancel context.CancelFunc) error {
		cancel()
		_, err := io.Copy(ioutil.Discard, body)
		return err
	},
	"aborted": func(body io.ReadCloser, _ context.CancelFunc) error {
		_, err := io.Copy(ioutil.Discard, body)
		return err
	},
	"empty": nil,
}

func (b *bodies) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.Split(r.URL.Path, "/")[2]
	b.mutex.Lock()
	outcome := b.outcomes[r.URL.Path]
	b.mutex.Unlock()
	time.Sleep(pause)
	if name == "empty" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	out := io.Writer(w)
	flush := w.(http.Flusher).Flush
	if name == "gzip" {
		w.Header().Set("Content-Encoding", "gzip")
		compressed := gzip.NewWriter(w)
		defer compressed.Close()
		out = compressed
		flush = func() { compressed.Flush(); w.(http.Flusher).Flush() }
	}
	outcome.Writing = time.Now().UnixNano()
	io.WriteString(out, "data: first\n\n")
	flush()
	outcome.Written = time.Now().UnixNano()
	switch name {
	case "cancelled", "closed":
		<-r.Context().Done()
	case "aborted":
		collect()
		time.Sleep(pause)
		panic(http.ErrAbortHandler)
	default:
		collect()
		time.Sleep(pause)
		io.WriteString(out, "data: last\n\n")
	}
}

// collect makes something else of what nobody refers to any more, as a handler's request is that has
// been read.
func collect() {
	runtime.GC()
	junk := make([]*http.Request, 512)
	for i := range junk {
		junk[i] = &http.Request{Method: "JUNK", RequestURI: "/junk"}
	}
	runtime.KeepAlive(junk)
}

// listenForBodies serves HTTP/1, and with TLS HTTP/2.
func listenForBodies() (*bodies, error) {
	config, err := selfSigned()
	if err != nil {
		return nil, err
	}
	b := &bodies{outcomes: map[string]*bodyOutcome{}}
	for _, address := range []*string{&b.plain, &b.secure} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		*address = listener.Addr().String()
		server := &http.Server{Handler: b, TLSConfig: config}
		if address == &b.plain {
			go server.Serve(listener)
		} else {
			go server.ServeTLS(listener, "", "")
		}
	}
	return b, nil
}

// ask makes a request of the way to end its body.
func (b *bodies) ask(client *http.Transport, base, path string) *bodyOutcome {
	outcome := &bodyOutcome{Path: path}
	b.mutex.Lock()
	b.outcomes[path] = outcome
	b.mutex.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	response, err := client.RoundTrip(newRequest(base + path).WithContext(ctx))
	if err != nil {
		fail(err)
	}
	defer response.Body.Close()
	outcome.Answered = time.Now().UnixNano()
	outcome.Protocol = response.Proto
	end := consume[strings.Split(path, "/")[2]]
	if end == nil {
		return outcome
	}
	if _, err := io.ReadFull(response.Body, make([]byte, 5)); err != nil {
		fail(err)
	}
	time.Sleep(pause / 2)
	outcome.Ending = time.Now().UnixNano()
	err = end(response.Body, cancel)
	outcome.Ended = time.Now().UnixNano()
	switch {
	case err != nil:
		outcome.End = errorType(err)
	case strings.Contains(path, "/closed/"):
		outcome.End = "closed"
	default:
		outcome.End = "read"
	}
	return outcome
}

// run makes so many requests of each way at the same time, by each protocol.
func (b *bodies) run(requests int) []*bodyOutcome {
	clients := map[string]*http.Transport{
		"http://" + b.plain: {},
		"https://" + b.secure: {
			ForceAttemptHTTP2: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		},
	}
	var outcomes []*bodyOutcome
	var mutex sync.Mutex
	var group sync.WaitGroup
	for base, client := range clients {
		defer client.CloseIdleConnections()
		for name := range consume {
			for i := 0; i < requests; i++ {
				path := "/bodies/" + name + "/" + base[:strings.Index(base, ":")] + "/" + unique()
				group.Add(1)
				go func(client *http.Transport, base string) {
					defer group.Done()
					outcome := b.ask(client, base, path)
					mutex.Lock()
					defer mutex.Unlock()
					outcomes = append(outcomes, outcome)
				}(client, base)
			}
		}
	}
	group.Wait()
	return outcomes
}

// left are responses whose bodies are neither read nor closed, but not collected either.
var left []*http.Response

// leave asks for such.
func (b *bodies) leave(requests int) {
	for i := 0; i < requests; i++ {
		path := "/bodies/left/http/" + unique()
		b.mutex.Lock()
		b.outcomes[path] = &bodyOutcome{Path: path}
		b.mutex.Unlock()
		response, err := (&http.Transport{}).RoundTrip(newRequest("http://" + b.plain + path))
		if err != nil {
			fail(err)
		}
		left = append(left, response)
	}
}
