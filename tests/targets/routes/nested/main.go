// Nested has routers of different kinds in each other, all in a ServeMux.
package main

import (
	"net/http"
	"time"

	"example.com/uprobed/routes/serving"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/gorilla/mux"
	"github.com/labstack/echo/v4"
)

func answer(w http.ResponseWriter, r *http.Request) {
	time.Sleep(serving.Time)
	w.WriteHeader(http.StatusNoContent)
}

func ginInGorilla() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/gorilla/users/:id", gin.WrapF(answer))
	router := mux.NewRouter()
	router.PathPrefix("/gorilla").Handler(engine)
	return router
}

func gorillaInChi() http.Handler {
	inner := mux.NewRouter()
	inner.HandleFunc("/chi/users/{id}", answer)
	router := chi.NewRouter()
	router.Mount("/chi", inner)
	return router
}

func chiInEcho() http.Handler {
	inner := chi.NewRouter()
	inner.Get("/echo/users/{id}", answer)
	router := echo.New()
	router.Any("/echo/*", echo.WrapHandler(inner))
	return router
}

func main() {
	all := http.NewServeMux()
	all.Handle("/gorilla/", ginInGorilla())
	all.Handle("/chi/", gorillaInChi())
	all.Handle("/echo/", chiInEcho())
	serving.Serve(all)
}
