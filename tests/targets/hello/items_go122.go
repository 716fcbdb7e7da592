//go:build go1.22
// +build go1.22

// go.mod says 1.15, and that would otherwise give the ServeMux of Go 1.21.
//go:debug httpmuxgo121=0

package main

import (
	"fmt"
	"net/http"
)

// addItemRoutes adds a route with a method and a wildcard.
func addItemRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "item %s\n", r.PathValue("id"))
	})
}
