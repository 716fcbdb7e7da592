// A gRPC service and a client of it that counts what it gets.
//
//	grpc serve             serves on a free port of 127.0.0.1 and prints its address
//	grpc load ADDRESS CALLS WORKERS
//	                       makes CALLS calls of each kind and prints "METHOD CODE COUNT" lines
//	grpc load ADDRESS CALLS WORKERS answered
//	                       the same, of those kinds only that end with OK
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "grpc:", err)
		os.Exit(1)
	}
}

func connect(address string) *grpc.ClientConn {
	connection, err := grpc.Dial(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	return connection
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	address := listener.Addr().String()
	server := grpc.NewServer(grpc.UnaryInterceptor(refuse))
	server.RegisterService(&description, &calls{backend: connect(address)})
	fmt.Println(address)
	check(server.Serve(listener))
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		serve()
	} else if len(os.Args) >= 5 && os.Args[1] == "load" {
		count, err := strconv.Atoi(os.Args[3])
		check(err)
		workers, err := strconv.Atoi(os.Args[4])
		check(err)
		load(os.Args[2], count, workers, len(os.Args) == 6 && os.Args[5] == "answered")
	} else {
		check(fmt.Errorf("usage: grpc serve | grpc load ADDRESS CALLS WORKERS [answered]"))
	}
}
