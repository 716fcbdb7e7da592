package main

import (
	"context"
	"io"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The service "calls.Calls", described by hand so that nothing has to be generated. What a request says
// is what becomes of it: "" is answered, "wait" is held until the client gives up, a number is returned
// as the code, "plain" as an error that is no status, "deny" is for the interceptor, "next" calls the
// backend.
type calls struct {
	backend *grpc.ClientConn
}

type callsServer interface{}

func (c *calls) outcome(ctx context.Context, wish string) error {
	switch {
	case wish == "wait":
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	case wish == "plain":
		return io.ErrClosedPipe
	case wish == "next":
		return c.backend.Invoke(ctx, "/calls.Calls/Leaf", wrapperspb.String(""), new(wrapperspb.StringValue))
	case strings.HasPrefix(wish, "wait "):
		<-ctx.Done()
		wish = wish[len("wait "):]
	}
	code, err := strconv.Atoi(wish)
	if err != nil || code == 0 {
		return nil
	}
	return status.Error(codes.Code(code), "as wished")
}

func (c *calls) unary(ctx context.Context, decode func(interface{}) error, interceptor grpc.UnaryServerInterceptor,
	method string) (interface{}, error) {
	request := new(wrapperspb.StringValue)
	if err := decode(request); err != nil {
		return nil, err
	}
	handler := func(ctx context.Context, request interface{}) (interface{}, error) {
		wish := request.(*wrapperspb.StringValue).GetValue()
		if err := c.outcome(ctx, wish); err != nil {
			return nil, err
		}
		return wrapperspb.String(wish), nil
	}
	if interceptor == nil {
		return handler(ctx, request)
	}
	return interceptor(ctx, request, &grpc.UnaryServerInfo{Server: c, FullMethod: method}, handler)
}

func method(name string) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(server interface{}, ctx context.Context,
		decode func(interface{}) error, interceptor grpc.UnaryServerInterceptor) (interface{}, error) {
		return server.(*calls).unary(ctx, decode, interceptor, "/calls.Calls/"+name)
	}}
}

// The last message says what becomes of the stream.
func upload(server interface{}, stream grpc.ServerStream) error {
	wish, err := receiveAll(stream, false)
	if err == nil {
		err = server.(*calls).outcome(stream.Context(), wish)
	}
	if err != nil {
		return err
	}
	return stream.SendMsg(wrapperspb.String("done"))
}

func download(server interface{}, stream grpc.ServerStream) error {
	request := new(wrapperspb.StringValue)
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	for i := 0; i < messages; i++ {
		if err := stream.SendMsg(wrapperspb.String(strconv.Itoa(i))); err != nil {
			return err
		}
	}
	return server.(*calls).outcome(stream.Context(), request.GetValue())
}

func chat(server interface{}, stream grpc.ServerStream) error {
	wish, err := receiveAll(stream, true)
	if err != nil {
		return err
	}
	return server.(*calls).outcome(stream.Context(), wish)
}

func receiveAll(stream grpc.ServerStream, echo bool) (string, error) {
	last := ""
	for {
		message := new(wrapperspb.StringValue)
		err := stream.RecvMsg(message)
		if err == io.EOF {
			return last, nil
		}
		if err != nil {
			return "", err
		}
		last = message.GetValue()
		if echo {
			if err := stream.SendMsg(message); err != nil {
				return "", err
			}
		}
	}
}

const messages = 5

var description = grpc.ServiceDesc{
	ServiceName: "calls.Calls",
	HandlerType: (*callsServer)(nil),
	Methods:     []grpc.MethodDesc{method("Unary"), method("Leaf")},
	Streams: []grpc.StreamDesc{
		{StreamName: "Upload", Handler: upload, ClientStreams: true},
		{StreamName: "Download", Handler: download, ServerStreams: true},
		{StreamName: "Chat", Handler: chat, ClientStreams: true, ServerStreams: true},
	},
}

func refuse(ctx context.Context, request interface{}, _ *grpc.UnaryServerInfo,
	handler grpc.UnaryHandler) (interface{}, error) {
	if request.(*wrapperspb.StringValue).GetValue() == "deny" {
		return nil, status.Error(codes.PermissionDenied, "by the interceptor")
	}
	return handler(ctx, request)
}
