// Chi has routes of each kind that github.com/go-chi/chi knows.
package main

import (
	"io"
	"net/http"
	"time"

	"example.com/uprobed/routes/serving"
	"github.com/go-chi/chi/v5"
)

func answer(w http.ResponseWriter, r *http.Request) {
	time.Sleep(serving.Time)
	io.WriteString(w, chi.RouteContext(r.Context()).RoutePattern())
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
	router := chi.NewRouter()
	router.Use(recovered)
	router.Get("/about", answer)
	router.Get("/users/{id}", answer)
	router.Get("/panic/{id}", func(http.ResponseWriter, *http.Request) { panic("as asked") })
	router.Get("/files/*", answer)
	// A router in a router in a router.
	items := chi.NewRouter()
	items.Get("/", answer)
	items.Get("/{item}", answer)
	router.Route("/api/v1", func(api chi.Router) {
		api.Mount("/orders/{order}/items", items)
	})
	serving.Serve(router)
}
