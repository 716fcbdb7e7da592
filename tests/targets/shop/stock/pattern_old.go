//go:build !go1.22

package main

// pattern gives the part that a ServeMux before Go 1.22 understands: the prefix.
func pattern(method, prefix, wildcard string) string {
	return prefix
}
