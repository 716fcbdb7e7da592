//go:build go1.24 && !xnet
// +build go1.24,!xnet

package main

import "net/http"

func init() {
	unencrypted = &unencryptedHTTP2{
		serve: func(server *http.Server) {
			server.Protocols = new(http.Protocols)
			server.Protocols.SetHTTP1(true)
			server.Protocols.SetUnencryptedHTTP2(true)
		},
		transport: func() http.RoundTripper {
			transport := &http.Transport{Protocols: new(http.Protocols)}
			transport.Protocols.SetUnencryptedHTTP2(true)
			return transport
		},
	}
}
