package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// patience is how long a request that waits for nothing waits.
const patience = 50 * time.Millisecond

type scenario struct {
	name      string
	url       string
	transport func() *http.Transport
	context   func() (context.Context, context.CancelFunc)
}

// refusal and pointedRefusal are errors of the program's own.
type refusal string

func (r refusal) Error() string { return string(r) }

type pointedRefusal struct{ reason string }

func (r *pointedRefusal) Error() string { return r.reason }

func scenarios(servers addresses) []scenario {
	plain := func() *http.Transport { return &http.Transport{} }
	timed := func() *http.Transport { return &http.Transport{ResponseHeaderTimeout: patience} }
	background := func() (context.Context, context.CancelFunc) {
		return context.WithCancel(context.Background())
	}
	deadline := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), patience)
	}
	return []scenario{
		{"answered", "http://" + servers.answers, plain, background},
		{"refused", "http://" + servers.closed, plain, background},
		{"no-such-host", "http://shop.invalid", dialing(resolveNothing), background},
		{"unknown-authority", "https://" + servers.secure, plain, background},
		{"no-tls", "https://" + servers.malformed, plain, background},
		{"header-timeout", "http://" + servers.hangs, timed, background},
		{"deadline-waiting", "http://" + servers.hangs, plain, deadline},
		{"deadline-dialling", "http://" + servers.closed, dialing(dialForever), deadline},
		{"cancelled-waiting", "http://" + servers.hangs, plain, cancelled},
		{"closed", "http://" + servers.closes, plain, background},
		{"reset", "http://" + servers.resets, plain, background},
		{"malformed", "http://" + servers.malformed, plain, background},
		{"own-value", "http://" + servers.closed, dialing(failing(refusal("not today"))), background},
		{"own-pointer", "http://" + servers.closed, dialing(failing(&pointedRefusal{"not today"})), background},
		{"errors-new", "http://" + servers.closed, dialing(failing(errors.New("not today"))), background},
	}
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

func dialing(dial dialer) func() *http.Transport {
	return func() *http.Transport { return &http.Transport{DialContext: dial} }
}

func failing(err error) dialer {
	return func(context.Context, string, string) (net.Conn, error) { return nil, err }
}

func dialForever(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// resolveNothing asks a name server that cannot be reached.
func resolveNothing(ctx context.Context, network, address string) (net.Conn, error) {
	resolver := &net.Resolver{PreferGo: true, Dial: failing(errors.New("no name server"))}
	return (&net.Dialer{Resolver: resolver}).DialContext(ctx, network, address)
}

func cancelled() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(patience, cancel)
	return ctx, cancel
}
