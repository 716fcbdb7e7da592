package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// addCallingRoutes adds the routes that make a request of their own, each in
// another way, to the server at self.
func addCallingRoutes(mux *http.ServeMux, self string) {
	caller := &caller{self: self, transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	caller.client = &http.Client{Transport: caller.transport}

	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: self})
	proxy.Transport = caller.transport

	mux.HandleFunc("/call", caller.viaClient)
	mux.HandleFunc("/direct", caller.viaTransport)
	mux.HandleFunc("/deepcall", caller.deepInTheStack)
	mux.HandleFunc("/elsewhere", caller.onAnotherGoroutine)
	mux.HandleFunc("/dialerror", caller.toClosedPort)
	mux.HandleFunc("/proxy/", func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/proxy")
		proxy.ServeHTTP(w, r)
	})
}

type caller struct {
	self      string
	transport *http.Transport
	client    *http.Client
}

func (c *caller) request(r *http.Request, path string) *http.Request {
	out, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://"+c.self+path, nil)
	if err != nil {
		panic(err) // the address is our own and the paths are constants
	}
	return out
}

func (c *caller) viaClient(w http.ResponseWriter, r *http.Request) {
	relay(w, func() (*http.Response, error) { return c.client.Do(c.request(r, "/hello")) })
}

// viaTransport calls the concrete method, not the http.RoundTripper interface.
func (c *caller) viaTransport(w http.ResponseWriter, r *http.Request) {
	relay(w, func() (*http.Response, error) { return c.transport.RoundTrip(c.request(r, "/hello")) })
}

// deepInTheStack calls from ?frames= small frames further down, so that a test
// which tries many depths makes the stack check of RoundTrip itself fail once.
func (c *caller) deepInTheStack(w http.ResponseWriter, r *http.Request) {
	request := c.request(r, "/hello")
	relay(w, func() (*http.Response, error) {
		return roundTripBelow(intParameter(r, "frames", 0), c.transport, request)
	})
}

//go:noinline
func roundTripBelow(frames int, t *http.Transport, r *http.Request) (*http.Response, error) {
	if frames <= 0 {
		return t.RoundTrip(r)
	}
	response, err := roundTripBelow(frames-1, t, r)
	return response, err
}

// onAnotherGoroutine leaves the serving goroutine: only the request's context leads back.
func (c *caller) onAnotherGoroutine(w http.ResponseWriter, r *http.Request) {
	relay(w, func() (response *http.Response, err error) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			response, err = c.client.Do(c.request(r, "/hello"))
		}()
		<-done
		return response, err
	})
}

// toClosedPort calls a port on which nobody listens any more.
func (c *caller) toClosedPort(w http.ResponseWriter, r *http.Request) {
	relay(w, func() (*http.Response, error) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		address := listener.Addr().String()
		listener.Close()
		return c.client.Get("http://" + address + "/nobody")
	})
}

// relay answers with the response of call, or with 502 when there was none.
func relay(w http.ResponseWriter, call func() (*http.Response, error)) {
	response, err := call()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	w.WriteHeader(response.StatusCode)
	io.Copy(w, response.Body)
}
