//go:build xnet
// +build xnet

package main

import (
	"crypto/tls"
	"net"
	"net/http"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

func init() {
	configure = http2.ConfigureTransport
	unencrypted = &unencryptedHTTP2{
		serve: func(server *http.Server) { server.Handler = h2c.NewHandler(server.Handler, &http2.Server{}) },
		transport: func() http.RoundTripper {
			return &http2.Transport{
				AllowHTTP: true,
				DialTLS:   func(network, address string, _ *tls.Config) (net.Conn, error) { return net.Dial(network, address) },
			}
		},
	}
}
