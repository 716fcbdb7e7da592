package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"io/ioutil"
	"net"
	"net/http"
)

// addresses are those of servers that answer in one way each.
type addresses struct {
	closed    string // nobody listens there
	answers   string
	hangs     string // reads the request, and no more
	closes    string
	resets    string
	malformed string
	secure    string // with a certificate that nobody vouches for
}

func listen() (addresses, error) {
	config, err := selfSigned()
	if err != nil {
		return addresses{}, err
	}
	var servers addresses
	for _, server := range []struct {
		address *string
		answer  func(net.Conn)
	}{
		{&servers.answers, says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")},
		{&servers.malformed, says("HTTP/1.1 many words\r\n\r\n")},
		{&servers.hangs, func(conn net.Conn) { io.Copy(ioutil.Discard, conn) }},
		{&servers.closes, func(conn net.Conn) { readRequest(conn) }},
		{&servers.resets, func(conn net.Conn) {
			readRequest(conn)
			conn.(*net.TCPConn).SetLinger(0)
		}},
		{&servers.secure, func(conn net.Conn) { tls.Server(conn, config).Handshake() }},
	} {
		if *server.address, err = serve(server.answer); err != nil {
			return addresses{}, err
		}
	}
	servers.closed, err = closedPort()
	return servers, err
}

func serve(answer func(net.Conn)) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				answer(conn)
			}()
		}
	}()
	return listener.Addr().String(), nil
}

func says(answer string) func(net.Conn) {
	return func(conn net.Conn) {
		readRequest(conn)
		io.WriteString(conn, answer)
	}
}

func readRequest(conn net.Conn) {
	http.ReadRequest(bufio.NewReader(conn))
}

func closedPort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
