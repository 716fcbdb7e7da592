package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sort"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Every kind of call, with what it asks for.
type kind struct {
	method string
	stream *grpc.StreamDesc // nil: unary
	wish   string
	ends   func(context.Context) (context.Context, context.CancelFunc) // nil: by itself
	ready  bool                                                        // waits for a connection
	nobody bool                                                        // to an address where nobody listens
}

func soon(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 150*time.Millisecond)
}

func givenUp(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	time.AfterFunc(150*time.Millisecond, cancel)
	return ctx, cancel
}

var (
	uploads   = &grpc.StreamDesc{StreamName: "Upload", ClientStreams: true}
	downloads = &grpc.StreamDesc{StreamName: "Download", ServerStreams: true}
	chats     = &grpc.StreamDesc{StreamName: "Chat", ClientStreams: true, ServerStreams: true}
)

var kinds = []kind{
	{method: "/calls.Calls/Unary"},
	{method: "/calls.Calls/Unary", wish: "next"},
	{method: "/calls.Calls/Unary", wish: "3"},
	{method: "/calls.Calls/Unary", wish: "5"},
	{method: "/calls.Calls/Unary", wish: "13"},
	{method: "/calls.Calls/Unary", wish: "16"},
	{method: "/calls.Calls/Unary", wish: "plain"},
	{method: "/calls.Calls/Unary", wish: "deny"},
	{method: "/calls.Calls/Missing"},
	{method: "/calls.Nobody/Unary"},
	{method: "/calls.Calls/Unary", wish: "wait 4", ends: soon},
	{method: "/calls.Calls/Unary", wish: "wait 1", ends: givenUp},
	{method: "/calls.Calls/Upload", stream: uploads},
	{method: "/calls.Calls/Upload", stream: uploads, wish: "5"},
	{method: "/calls.Calls/Download", stream: downloads},
	{method: "/calls.Calls/Download", stream: downloads, wish: "8"},
	{method: "/calls.Calls/Download", stream: downloads, wish: "wait 4", ends: soon},
	{method: "/calls.Calls/Chat", stream: chats},
	{method: "/calls.Calls/Chat", stream: chats, wish: "next"},
	{method: "/calls.Calls/Chat", stream: chats, wish: "9"},
	{method: "/calls.Calls/Chat", stream: chats, wish: "wait 1", ends: givenUp},
	{method: "/calls.Calls/Refused", nobody: true},
	{method: "/calls.Calls/Unready", nobody: true, ready: true, ends: soon},
}

// Whether the call ends with OK.
func (k kind) answered() bool {
	known := k.method != "/calls.Calls/Missing" && k.method != "/calls.Nobody/Unary" && !k.nobody
	return known && (k.wish == "" || k.wish == "next")
}

func (k kind) call(connection *grpc.ClientConn) error {
	ctx, options := context.Background(), []grpc.CallOption{}
	if k.ends != nil {
		var cancel context.CancelFunc
		ctx, cancel = k.ends(ctx)
		defer cancel()
	}
	if k.ready {
		options = append(options, grpc.WaitForReady(true))
	}
	if k.stream == nil {
		return connection.Invoke(ctx, k.method, wrapperspb.String(k.wish), new(wrapperspb.StringValue), options...)
	}
	// The stream's own end is what counts, not how the context ends after it.
	stream, err := connection.NewStream(ctx, k.stream, k.method, options...)
	if err != nil {
		return err
	}
	return k.converse(stream)
}

func (k kind) converse(stream grpc.ClientStream) error {
	sent := 1
	if k.stream.ClientStreams {
		sent = messages
	}
	for i := 0; i < sent; i++ {
		// An error of the stream is what receiving returns.
		if err := stream.SendMsg(wrapperspb.String(k.wish)); err != nil && err != io.EOF {
			return err
		}
		if k.stream.ClientStreams && k.stream.ServerStreams {
			if err := stream.RecvMsg(new(wrapperspb.StringValue)); err != nil {
				return err
			}
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if !k.stream.ServerStreams {
		return stream.RecvMsg(new(wrapperspb.StringValue))
	}
	for {
		err := stream.RecvMsg(new(wrapperspb.StringValue))
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// An address where nobody listens: one that was free a moment ago.
func nobodysAddress() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer listener.Close()
	return listener.Addr().String()
}

type result struct {
	method string
	code   codes.Code
}

func load(address string, count, workers int, answered bool) {
	connection, nobody := connect(address), connect(nobodysAddress())
	results := map[result]int{}
	var lock sync.Mutex
	var group sync.WaitGroup
	work := make(chan kind)
	for i := 0; i < workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for k := range work {
				to := connection
				if k.nobody {
					to = nobody
				}
				code := status.Code(k.call(to))
				lock.Lock()
				results[result{k.method, code}]++
				lock.Unlock()
			}
		}()
	}
	for i := 0; i < count; i++ {
		for _, k := range kinds {
			if !answered || k.answered() {
				work <- k
			}
		}
	}
	close(work)
	group.Wait()
	lines := []string{}
	for r, n := range results {
		lines = append(lines, fmt.Sprintf("%s %d %d", r.method, r.code, n))
	}
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
}
