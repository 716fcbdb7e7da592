// Gorilla has routes of each kind that github.com/gorilla/mux knows.
package main

import (
	"io"
	"net/http"
	"time"

	"example.com/uprobed/routes/serving"
	"github.com/gorilla/mux"
)

func answer(w http.ResponseWriter, r *http.Request) {
	time.Sleep(serving.Time)
	template, err := mux.CurrentRoute(r).GetPathTemplate()
	if err != nil {
		template = err.Error()
	}
	io.WriteString(w, template)
}

func recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func main() {
	router := mux.NewRouter()
	router.Use(recovered)
	router.HandleFunc("/about", answer)
	router.HandleFunc("/users/{id:[0-9]+}", answer)
	router.HandleFunc("/panic/{id}", func(http.ResponseWriter, *http.Request) { panic("as asked") })
	router.HandleFunc("/wait/{id}", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	router.PathPrefix("/files/").HandlerFunc(answer)
	orders := router.PathPrefix("/api").Subrouter().PathPrefix("/v1/orders").Subrouter()
	orders.HandleFunc("/{order}/items/{item}", answer)
	serving.Serve(router)
}
