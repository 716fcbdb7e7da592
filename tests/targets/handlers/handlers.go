package main

import (
	"net/http"
	"time"
)

// answer takes a little, so that requests overlap.
func answer(w http.ResponseWriter) {
	time.Sleep(time.Millisecond)
	w.WriteHeader(http.StatusOK)
}

func serveFunction(w http.ResponseWriter, r *http.Request) { answer(w) }

func serveLeaf(w http.ResponseWriter, r *http.Request) { answer(w) }

func serveStripped(w http.ResponseWriter, r *http.Request) { answer(w) }

func serveSlash(w http.ResponseWriter, r *http.Request) { answer(w) }

func serveSlowly(w http.ResponseWriter, r *http.Request) { answer(w) }

func servePanic(w http.ResponseWriter, r *http.Request) { panic("as asked") }

// closure must not be inlined, which would give what it returns another name.
//
//go:noinline
func closure(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Millisecond)
		w.WriteHeader(status)
	}
}

type service struct{ status int }

func (s *service) serveMethod(w http.ResponseWriter, r *http.Request) { answer(w) }

// Of two words, so that an interface holds a pointer to it.
type value struct{ first, second int }

func (v value) ServeHTTP(w http.ResponseWriter, r *http.Request) { answer(w) }

type pointer struct{ status int }

func (p *pointer) ServeHTTP(w http.ResponseWriter, r *http.Request) { answer(w) }

// Not an http.HandlerFunc, though of the same kind.
type handle func(w http.ResponseWriter, r *http.Request)

func (h handle) ServeHTTP(w http.ResponseWriter, r *http.Request) { h(w, r) }

// asking asks a ServeMux for the handler of another request, which it does not call.
type asking struct{ mux *http.ServeMux }

func (a *asking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, path := range []string{"/function", "/slash", "/nowhere"} {
		other, err := http.NewRequest("GET", "http://"+r.Host+path, nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		a.mux.Handler(other)
	}
	answer(w)
}

// logging is middleware around a handler.
//
//go:noinline
func logging(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) })
}

func addHandlers(mux *http.ServeMux) {
	inner := http.NewServeMux()
	inner.HandleFunc("/inner/leaf", serveLeaf)
	inner.HandleFunc("/stripped", serveStripped)
	mux.HandleFunc("/function", serveFunction)
	mux.HandleFunc("/method", new(service).serveMethod)
	mux.Handle("/closure", closure(http.StatusAccepted))
	mux.Handle("/value", value{1, 2})
	mux.Handle("/pointer", new(pointer))
	mux.Handle("/handle", handle(serveFunction))
	mux.Handle("/asking", &asking{mux})
	mux.Handle("/inner/", inner)
	mux.Handle("/prefix/", http.StripPrefix("/prefix", logging(inner)))
	mux.HandleFunc("/slash/", serveSlash)
	mux.Handle("/timeout", http.TimeoutHandler(http.HandlerFunc(serveSlowly), time.Minute, "late"))
	mux.HandleFunc("/panic", servePanic)
}
