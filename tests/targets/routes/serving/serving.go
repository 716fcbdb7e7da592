// Package serving is what the programs beside it have in common.
package serving

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// Time is what each handler takes, so that requests overlap.
const Time = time.Millisecond

// Serve listens on a free port. With -mux the router is mounted in a ServeMux, whose pattern says
// nothing of the route.
func Serve(router http.Handler) {
	inServeMux := flag.Bool("mux", false, "mount the router in a ServeMux")
	h2c := flag.Bool("h2c", false, "take HTTP/2 without TLS, too")
	flag.Parse()
	handler := router
	if *inServeMux {
		mux := http.NewServeMux()
		mux.Handle("/", router)
		handler = mux
	}
	server := &http.Server{Handler: handler}
	if *h2c && !speakH2c(server) {
		fmt.Fprintln(os.Stderr, "-h2c needs Go 1.24 or newer")
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening on", listener.Addr())
	fmt.Fprintln(os.Stderr, server.Serve(listener))
	os.Exit(1)
}
