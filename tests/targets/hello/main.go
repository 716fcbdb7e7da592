// Hello is the HTTP program that the tests probe: one server whose routes
// exercise each way in which a request is served or made.
package main

import (
	"flag"
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	secure := flag.Bool("tls", false, "speak TLS with a certificate of its own making, and HTTP/2 over it")
	flag.Parse()

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
	mux := http.NewServeMux()
	addServedRoutes(mux)
	addWorkingRoutes(mux)
	addEndingRoutes(mux)
	addItemRoutes(mux)
	addCallingRoutes(mux, reachable(listener.Addr().(*net.TCPAddr)))
	addHandoffRoutes(mux, reachable(listener.Addr().(*net.TCPAddr)))
	addAloneRoutes(mux, reachable(listener.Addr().(*net.TCPAddr)))
	fmt.Println("listening on", listener.Addr())
	if err := serve(listener, mux, *secure); err != nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
}

func serve(listener net.Listener, handler http.Handler, secure bool) error {
	if !secure {
		return http.Serve(listener, handler)
	}
	config, err := selfSigned()
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, TLSConfig: config}
	return server.ServeTLS(listener, "", "")
}

// reachable returns an address that a client on this host can dial.
func reachable(addr *net.TCPAddr) string {
	if addr.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(addr.Port))
	}
	return addr.String()
}

func addServedRoutes(mux *http.ServeMux) {
	mux.HandleFunc("/hello", serveHello)
	mux.HandleFunc("/status/", serveStatus)
	mux.HandleFunc("/deep", serveDeep)
	mux.HandleFunc("/post", servePost)
	mux.HandleFunc("/slow", serveSlow)
	mux.HandleFunc("/big", serveBig)
	mux.HandleFunc("/nothing", serveNothing)
}

func serveHello(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, "hi\n")
}

// serveStatus answers /status/404 with 404.
func serveStatus(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/status/"))
	if err != nil || code < 200 || code > 599 {
		http.Error(w, "want /status/200 to /status/599", http.StatusBadRequest)
		return
	}
	w.WriteHeader(code)
}

// serveDeep needs about a megabyte of stack, so the runtime moves the
// goroutine's stack while the request is being served.
func serveDeep(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, descend(2000))
}

//go:noinline
func descend(frames int) int {
	var frame [512]byte
	for i := range frame {
		frame[i] = byte(frames)
	}
	if frames == 0 {
		return int(frame[0])
	}
	return descend(frames-1) + int(frame[frames%len(frame)])
}

func servePost(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(ioutil.Discard, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "read %d\n", n)
}

func serveSlow(w http.ResponseWriter, r *http.Request) {
	time.Sleep(time.Duration(intParameter(r, "ms", 100)) * time.Millisecond)
	io.WriteString(w, "at last\n")
}

func serveBig(w http.ResponseWriter, r *http.Request) {
	io.CopyN(w, letters{}, int64(intParameter(r, "n", 1<<20)))
}

// serveNothing leaves even the status to net/http.
func serveNothing(w http.ResponseWriter, r *http.Request) {}

// letters is an endless reader of the letter x.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// intParameter returns a query parameter, or otherwise when it is absent or no natural number.
func intParameter(r *http.Request, name string, otherwise int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}
