package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"syscall"
)

// The variables that what a request fails of may be.
var variables = map[error]string{
	context.Canceled:    "context.Canceled",
	io.EOF:              "io.EOF",
	io.ErrUnexpectedEOF: "io.ErrUnexpectedEOF",
}

// Those that net/http keeps to itself.
var privateVariables = map[string]string{
	"http: server closed idle connection":                     "net/http.errServerClosedIdle",
	"net/http: request canceled":                              "net/http.errRequestCanceled",
	"net/http: request canceled while waiting for connection": "net/http.errRequestCanceledConn",
}

var errnos = map[syscall.Errno]string{
	syscall.ECONNREFUSED: "syscall.ECONNREFUSED",
	syscall.ECONNRESET:   "syscall.ECONNRESET",
	syscall.EPIPE:        "syscall.EPIPE",
}

// errorType is the type of the innermost error, or its name.
func errorType(err error) string {
	for inner := unwrap(err); inner != nil; inner = unwrap(err) {
		err = inner
	}
	if errno, ok := err.(syscall.Errno); ok && errnos[errno] != "" {
		return errnos[errno]
	}
	if typeName(err) != "*errors.errorString" {
		return typeName(err)
	}
	if name := variables[err]; name != "" {
		return name
	}
	if name := privateVariables[err.Error()]; name != "" {
		return name
	}
	return typeName(err)
}

// unwrap knows the types that only say more about the error that they wrap.
func unwrap(err error) error {
	switch wrapper := err.(type) {
	case *net.OpError:
		return wrapper.Err
	case *os.SyscallError:
		return wrapper.Err
	}
	switch typeName(err) {
	case "*fmt.wrapError", "*crypto/tls.permanentError", "*crypto/tls.CertificateVerificationError":
		return errors.Unwrap(err)
	}
	return nil
}

func typeName(err error) string {
	kind := reflect.TypeOf(err)
	if kind.Kind() == reflect.Ptr {
		return "*" + kind.Elem().PkgPath() + "." + kind.Elem().Name()
	}
	return kind.PkgPath() + "." + kind.Name()
}
