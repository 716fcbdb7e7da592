// Gin has routes of each kind that github.com/gin-gonic/gin knows.
package main

import (
	"net/http"
	"time"

	"example.com/uprobed/routes/serving"
	"github.com/gin-gonic/gin"
)

func answer(c *gin.Context) {
	time.Sleep(serving.Time)
	c.String(http.StatusOK, c.FullPath())
}

func main() {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(gin.RecoveryWithWriter(discard{}))
	engine.GET("/about", answer)
	engine.GET("/users/:id", answer)
	engine.GET("/panic/:id", func(c *gin.Context) { panic("as asked") })
	engine.GET("/files/*path", answer)
	orders := engine.Group("/api").Group("/v1").Group("/orders")
	orders.GET("/:order/items/:item", answer)
	serving.Serve(engine)
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
