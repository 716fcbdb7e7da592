// Stock is the demo's second service: it keeps how many of each item are left.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
)

// delivery is how many of an item arrive when it has run out.
const delivery = 25

type stock struct {
	mutex  sync.Mutex
	levels map[string]int
}

// take removes one item and says whether there was one. The shelf is filled
// after a caller has been turned away, so that the demo shows errors now and then.
func (s *stock) take(item string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.levels[item] == 0 {
		s.levels[item] = delivery
		return false
	}
	s.levels[item]--
	return true
}

func (s *stock) serveReserve(w http.ResponseWriter, r *http.Request) {
	if !s.take(r.URL.Query().Get("item")) {
		http.Error(w, "sold out", http.StatusConflict)
		return
	}
	fmt.Fprintln(w, "reserved")
}

func (s *stock) serveLevels(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := json.NewEncoder(w).Encode(s.levels); err != nil {
		log.Print(err)
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	flag.Parse()

	shelf := &stock{levels: map[string]int{"tea": delivery, "cup": delivery}}
	mux := http.NewServeMux()
	mux.HandleFunc(pattern("POST", "/reserve", ""), shelf.serveReserve)
	mux.HandleFunc(pattern("GET", "/levels", ""), shelf.serveLevels)

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	log.Fatal(http.Serve(listener, mux))
}
