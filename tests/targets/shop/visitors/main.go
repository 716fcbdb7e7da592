// Visitors is the demo's light load: it walks through the shop until it is killed.
package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"time"
)

type visit struct{ method, path string }

func main() {
	shop := flag.String("shop", "", "the shop, for example http://127.0.0.1:8080")
	interval := flag.Duration("interval", 100*time.Millisecond, "pause between two requests")
	flag.Parse()

	walk := []visit{
		{http.MethodGet, "/"},
		{http.MethodGet, "/cart/7"},
		{http.MethodPost, "/checkout?item=tea"},
		{http.MethodPost, "/checkout?item=cup"},
	}
	for i := 0; ; i++ {
		step := walk[i%len(walk)]
		request, err := http.NewRequest(step.method, *shop+step.path, nil)
		if err != nil {
			log.Fatal(err)
		}
		if response, err := http.DefaultClient.Do(request); err != nil {
			log.Print(err)
		} else {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		time.Sleep(*interval)
	}
}
