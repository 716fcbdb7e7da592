//go:build go1.24

package main

import "net/http"

// speakH2c makes the transport speak HTTP/2 to http:// URLs, from the first byte on.
func speakH2c(transport *http.Transport) bool {
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetUnencryptedHTTP2(true)
	return true
}
