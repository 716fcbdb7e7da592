package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type decoyKey struct{}
type otherKey struct{}

// tag derives contexts of several types. What only looks like the request's metadata is nearer than it.
func tag(ctx context.Context, _ *tap.Info) (context.Context, error) {
	ctx = context.WithValue(ctx, otherKey{}, "value")
	decoy := metadata.MD{"traceparent": {"00-dddddddddddddddddddddddddddddddd-dddddddddddddddd-01"}}
	ctx = context.WithValue(ctx, decoyKey{}, decoy)
	ctx = metadata.NewOutgoingContext(ctx, decoy)
	// It ends with the request's context, of which it is a child.
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	_ = cancel
	return context.WithValue(ctx, otherKey{}, http.Header(decoy)), nil
}

func serveHandler() {
	server := grpc.NewServer(grpc.UnaryInterceptor(refuse))
	server.RegisterService(&description, &calls{})
	web := httptest.NewUnstartedServer(server)
	web.EnableHTTP2 = true
	web.StartTLS()
	fmt.Println(web.URL)
	select {}
}

func gateway(address string) {
	backend := connect(address)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr())
	check(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		for _, name := range []string{"Traceparent", "Tracestate"} {
			for _, value := range r.Header[name] {
				ctx = metadata.AppendToOutgoingContext(ctx, name, value)
			}
		}
		if err := backend.Invoke(ctx, "/calls.Calls/Leaf", wrapperspb.String(""), new(wrapperspb.StringValue)); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})))
}

func call(address, method string, pairs []string) {
	port := 0
	network, target := "tcp", address
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		connection, err := new(net.Dialer).DialContext(ctx, network, target)
		if err == nil {
			if local, ok := connection.LocalAddr().(*net.TCPAddr); ok {
				port = local.Port
			}
		}
		return connection, err
	}
	security := insecure.NewCredentials()
	if strings.HasPrefix(address, "@") {
		network, address = "unix", "localhost"
	}
	if strings.HasPrefix(address, "https://") {
		address = address[len("https://"):]
		target = address
		security = credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	}
	connection, err := grpc.Dial(address, grpc.WithTransportCredentials(security), grpc.WithContextDialer(dial))
	check(err)
	ctx := metadata.AppendToOutgoingContext(context.Background(), pairs...)
	err = connection.Invoke(ctx, method, wrapperspb.String(""), new(wrapperspb.StringValue))
	fmt.Println(uint32(status.Code(err)), port)
}
