// Echo has routes of each kind that github.com/labstack/echo knows.
package main

import (
	"net/http"
	"time"

	"example.com/uprobed/routes/serving"
	"github.com/labstack/echo/v4"
)

func answer(c echo.Context) error {
	time.Sleep(serving.Time)
	return c.String(http.StatusOK, c.Path())
}

func recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		defer func() {
			if recover() != nil {
				c.NoContent(http.StatusInternalServerError)
			}
		}()
		return next(c)
	}
}

func main() {
	router := echo.New()
	router.Use(recovered)
	router.GET("/about", answer)
	router.GET("/users/:id", answer)
	router.GET("/panic/:id", func(echo.Context) error { panic("as asked") })
	router.GET("/files/*", answer)
	orders := router.Group("/api").Group("/v1").Group("/orders")
	orders.GET("/:order/items/:item", answer)
	serving.Serve(router)
}
