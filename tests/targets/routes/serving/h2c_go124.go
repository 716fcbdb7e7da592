//go:build go1.24
// +build go1.24

package serving

import "net/http"

// speakH2c makes the server take HTTP/2 without TLS.
func speakH2c(server *http.Server) bool {
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	return true
}
