// H2c serves HTTP/2 without TLS by golang.org/x/net/http2, and HTTP/1 beside it.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	flag.Parse()

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "h2c:", err)
		os.Exit(1)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hi\n") })
	mux.HandleFunc("/created", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusCreated) })
	mux.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) { panic("asked for by /panic") })
	fmt.Println("listening on", listener.Addr())
	if err := http.Serve(listener, h2c.NewHandler(mux, &http2.Server{})); err != nil {
		fmt.Fprintln(os.Stderr, "h2c:", err)
		os.Exit(1)
	}
}
