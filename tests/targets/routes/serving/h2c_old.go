//go:build !go1.24
// +build !go1.24

package serving

import "net/http"

func speakH2c(*http.Server) bool { return false }
