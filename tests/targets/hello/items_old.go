//go:build !go1.22
// +build !go1.22

package main

import (
	"fmt"
	"net/http"
	"strings"
)

// addItemRoutes adds the route that patterns without wildcards can express.
func addItemRoutes(mux *http.ServeMux) {
	mux.HandleFunc("/items/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "item %s\n", strings.TrimPrefix(r.URL.Path, "/items/"))
	})
}
