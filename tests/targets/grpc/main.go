// A gRPC service and a client of it that counts what it gets.
//
//	grpc serve             serves on a free port of 127.0.0.1 and prints its address
//	grpc serve tagged      the same, where a tap derives other contexts, one with a decoy
//	grpc serve unix        the same on an abstract unix socket, whose name has 16 bytes
//	grpc serve handler     the same through net/http, with TLS: the address begins with "https://"
//	grpc gateway ADDRESS   serves HTTP on a free port and prints its address; each request is passed on as
//	                       a call, with the headers traceparent and tracestate as metadata
//	grpc call ADDRESS METHOD [KEY VALUE]...
//	                       makes one call with this metadata and prints "CODE LOCAL-PORT"
//	grpc load ADDRESS CALLS WORKERS
//	                       makes CALLS calls of each kind and prints "METHOD CODE COUNT" lines
//	grpc load ADDRESS CALLS WORKERS answered
//	                       the same, of those kinds only that end with OK
//	grpc bench ADDRESS SECONDS WORKERS
//	                       makes unary calls for so long and prints how many and how long they took
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

func serve(network, address string, options ...grpc.ServerOption) {
	listener, err := net.Listen(network, address)
	check(err)
	address = listener.Addr().String()
	server := grpc.NewServer(append(options, grpc.UnaryInterceptor(refuse))...)
	server.RegisterService(&description, &calls{backend: connect(address)})
	fmt.Println(address)
	check(server.Serve(listener))
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		serve("tcp", "127.0.0.1:0")
	} else if len(os.Args) == 3 && os.Args[1] == "serve" && os.Args[2] == "tagged" {
		serve("tcp", "127.0.0.1:0", grpc.InTapHandle(tag))
	} else if len(os.Args) == 3 && os.Args[1] == "serve" && os.Args[2] == "unix" {
		serve("unix", fmt.Sprintf("@uprobed-%07d", os.Getpid()))
	} else if len(os.Args) == 3 && os.Args[1] == "serve" && os.Args[2] == "handler" {
		serveHandler()
	} else if len(os.Args) == 3 && os.Args[1] == "gateway" {
		gateway(os.Args[2])
	} else if len(os.Args) >= 4 && os.Args[1] == "call" {
		call(os.Args[2], os.Args[3], os.Args[4:])
	} else if len(os.Args) >= 5 && os.Args[1] == "load" {
		count, err := strconv.Atoi(os.Args[3])
		check(err)
		workers, err := strconv.Atoi(os.Args[4])
		check(err)
		load(os.Args[2], count, workers, len(os.Args) == 6 && os.Args[5] == "answered")
	} else if len(os.Args) == 5 && os.Args[1] == "bench" {
		seconds, err := strconv.ParseFloat(os.Args[3], 64)
		check(err)
		workers, err := strconv.Atoi(os.Args[4])
		check(err)
		bench(os.Args[2], seconds, workers)
	} else {
		check(fmt.Errorf("usage: grpc serve [tagged|handler|unix] | grpc gateway ADDRESS | grpc call ADDRESS METHOD [KEY VALUE]... | grpc load ADDRESS CALLS WORKERS [answered] | grpc bench ADDRESS SECONDS WORKERS"))
	}
}
