package main

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"time"
)

// addEndingRoutes adds the routes whose requests end in another way than by the handler's return
// to a client that waits.
func addEndingRoutes(mux *http.ServeMux) {
	mux.HandleFunc("/panic", servePanic)
	mux.HandleFunc("/panicwritten", servePanicWritten)
	mux.HandleFunc("/abort", serveAbort)
	mux.HandleFunc("/goexit", serveGoexit)
	mux.HandleFunc("/hijack", serveHijack)
	mux.HandleFunc("/gone", serveGone)
	mux.HandleFunc("/hints", serveHints)
	mux.HandleFunc("/events", serveEvents)
	mux.Handle("/timeout", http.TimeoutHandler(http.HandlerFunc(serveSlow), 10*time.Millisecond, "late"))
}

// servePanic ends without an answer: net/http recovers, logs and closes the connection.
func servePanic(w http.ResponseWriter, r *http.Request) {
	panic("asked for by /panic")
}

// servePanicWritten has told its status when it panics.
func servePanicWritten(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusAccepted)
	w.(http.Flusher).Flush()
	panic("asked for by /panicwritten")
}

// serveAbort panics with the one value that net/http does not log.
func serveAbort(w http.ResponseWriter, r *http.Request) {
	panic(http.ErrAbortHandler)
}

func serveGoexit(w http.ResponseWriter, r *http.Request) {
	runtime.Goexit()
}

// serveHijack speaks a protocol of its own, as a WebSocket does: it answers lines until there are
// no more.
func serveHijack(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	for {
		line, err := buffered.ReadString('\n')
		if err != nil {
			return
		}
		io.WriteString(conn, line)
	}
}

// serveGone writes until the client has gone.
func serveGone(w http.ResponseWriter, r *http.Request) {
	for {
		if _, err := io.CopyN(w, letters{}, 1<<16); err != nil {
			return
		}
	}
}

// serveHints answers with an informational response before the final one (Go >= 1.19).
func serveHints(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Link", "</style.css>; rel=preload")
	w.WriteHeader(http.StatusEarlyHints)
	w.WriteHeader(http.StatusCreated)
}

// serveEvents streams ?n= events, one each ?ms=.
func serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i := 0; i < intParameter(r, "n", 3); i++ {
		fmt.Fprintf(w, "data: %d\n\n", i)
		w.(http.Flusher).Flush()
		time.Sleep(time.Duration(intParameter(r, "ms", 10)) * time.Millisecond)
	}
}
