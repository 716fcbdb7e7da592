// Handlers serves requests by handlers of each kind that net/http knows.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io/ioutil"
	"log"
	"net"
	"net/http"
	"os"
)

// What the server is given: a ServeMux, middleware around one, or a handler of the program's own.
func serverHandler(kind string) (http.Handler, error) {
	mux := http.NewServeMux()
	addHandlers(mux)
	switch kind {
	case "mux":
		return mux, nil
	case "default":
		addHandlers(http.DefaultServeMux)
		return nil, nil
	case "middleware":
		return logging(mux), nil
	case "function":
		return http.HandlerFunc(serveFunction), nil
	case "method":
		return http.HandlerFunc(new(service).serveMethod), nil
	case "pointer":
		return new(pointer), nil
	case "value":
		return value{1, 2}, nil
	}
	return nil, fmt.Errorf("nothing to serve is called %q", kind)
}

func main() {
	kind := flag.String("serve", "mux", "mux, default, middleware, function, method, pointer or value")
	withTLS := flag.Bool("tls", false, "serve HTTPS, and HTTP/2")
	flag.Parse()
	handler, err := serverHandler(*kind)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	server := &http.Server{Handler: handler, ErrorLog: log.New(ioutil.Discard, "", 0)}
	if !*withTLS {
		fmt.Fprintln(os.Stderr, server.Serve(listener))
		os.Exit(1)
	}
	configuration, err := selfSigned()
	if err != nil {
		log.Fatal(err)
	}
	server.TLSConfig = &tls.Config{Certificates: configuration.Certificates}
	fmt.Fprintln(os.Stderr, server.ServeTLS(listener, "", ""))
	os.Exit(1)
}
