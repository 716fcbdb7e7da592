// Shop is the demo's first service: its checkout asks the stock service.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
)

type shop struct {
	stockURL string
}

func (s *shop) serveHome(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, "tea and cups")
}

func (s *shop) serveCart(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "cart %s: one tea\n", strings.TrimPrefix(r.URL.Path, "/cart/"))
}

// serveCheckout reserves the item and answers with what the stock service says.
func (s *shop) serveCheckout(w http.ResponseWriter, r *http.Request) {
	reserve := s.stockURL + "/reserve?" + url.Values{"item": {r.URL.Query().Get("item")}}.Encode()
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, reserve, nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	w.WriteHeader(response.StatusCode)
	io.Copy(w, response.Body)
}

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	stockURL := flag.String("stock", "", "the stock service, for example http://127.0.0.1:8081")
	flag.Parse()

	front := &shop{stockURL: *stockURL}
	mux := http.NewServeMux()
	mux.HandleFunc(pattern("GET", "/", "{$}"), front.serveHome)
	mux.HandleFunc(pattern("GET", "/cart/", "{id}"), front.serveCart)
	mux.HandleFunc(pattern("POST", "/checkout", ""), front.serveCheckout)

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	log.Fatal(http.Serve(listener, mux))
}
