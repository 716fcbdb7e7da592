// Gin is a service of one program with two routes: /handle calls /echo of itself.
package main

import (
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "gin:", err)
		os.Exit(1)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024}}
	self := "http://" + listener.Addr().String()

	engine := gin.New()
	engine.GET("/echo", func(c *gin.Context) { c.String(http.StatusOK, c.Query("text")) })
	engine.GET("/handle", func(c *gin.Context) {
		response, err := client.Get(self + "/echo?text=handled")
		if err != nil {
			c.String(http.StatusBadGateway, err.Error())
			return
		}
		defer response.Body.Close()
		io.Copy(ioutil.Discard, response.Body)
		c.Status(response.StatusCode)
	})
	fmt.Println("listening on", listener.Addr())
	if err := http.Serve(listener, engine); err != nil {
		fmt.Fprintln(os.Stderr, "gin:", err)
		os.Exit(1)
	}
}
