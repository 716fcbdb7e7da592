//go:build !go1.24

package main

import "net/http"

func speakH2c(*http.Transport) bool { return false }
