//go:build go1.22

// go.mod says 1.19, which would otherwise give the ServeMux of Go 1.21.
//go:debug httpmuxgo121=0

package main

// pattern joins what a ServeMux of Go 1.22 takes: method, path and wildcard.
func pattern(method, prefix, wildcard string) string {
	return method + " " + prefix + wildcard
}
