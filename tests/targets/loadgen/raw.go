package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
)

// rawClient sends the same request again and again over a connection of its own and understands no
// more of HTTP/1 than where a response with Content-Length ends. It uses a fraction of the CPU time
// that net/http's client does, which shares the CPUs with the server that is measured.
type rawClient struct {
	connection net.Conn
	request    []byte
	buffer     []byte
}

func newRawClient(target string) (*rawClient, error) {
	parsed, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	connection, err := net.Dial("tcp", parsed.Host)
	if err != nil {
		return nil, err
	}
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: loadgen\r\nAccept-Encoding: gzip\r\n\r\n",
		parsed.RequestURI(), parsed.Host)
	return &rawClient{connection, []byte(request), make([]byte, 64<<10)}, nil
}

// roundTrip returns the status.
func (c *rawClient) roundTrip() (int, error) {
	if _, err := c.connection.Write(c.request); err != nil {
		return 0, err
	}
	read, end := 0, -1
	for end < 0 || read < end {
		if read == len(c.buffer) {
			return 0, fmt.Errorf("a response of more than %d bytes", len(c.buffer))
		}
		n, err := c.connection.Read(c.buffer[read:])
		if err != nil {
			return 0, err
		}
		read += n
		if end < 0 {
			if end, err = endOfResponse(c.buffer[:read]); err != nil {
				return 0, err
			}
		}
	}
	return strconv.Atoi(string(c.buffer[len("HTTP/1.1 "):len("HTTP/1.1 200")]))
}

var (
	endOfHeader   = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
)

// endOfResponse returns the length of the response that begins here, -1 while its header is not whole.
func endOfResponse(begin []byte) (int, error) {
	header := bytes.Index(begin, endOfHeader)
	if header < 0 {
		return -1, nil
	}
	at := bytes.Index(begin[:header], contentLength)
	if at < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	digits := begin[at+len(contentLength) : header+1]
	length, err := strconv.Atoi(string(digits[:bytes.IndexByte(digits, '\r')]))
	return header + len(endOfHeader) + length, err
}

// sendRaw is send for a raw client, which it makes when there is none or after a failure.
func (l *load) sendRaw(client **rawClient, into *report) {
	into.Requests++
	status, err := 0, error(nil)
	if *client == nil {
		*client, err = newRawClient(l.url)
	}
	if err == nil {
		status, err = (*client).roundTrip()
	}
	if err != nil {
		into.fail(err)
		if *client != nil {
			(*client).connection.Close()
			*client = nil
		}
		return
	}
	into.answer(status)
}
