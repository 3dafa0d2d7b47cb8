// Usage: client h2|h2c CA URL BESIDE
//
// Reads URL to its end by net/http, and BESIDE again and again meanwhile, both over one connection.
// Prints what came of them as JSON; status 3 means that this Go cannot speak h2c.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

type download struct {
	Protocol string
	Size     int64
	Sha256   string
}

func main() {
	var dials int32
	client := &http.Client{Transport: transport(os.Args[1], os.Args[2], &dials), Timeout: time.Minute}
	_, err := fetch(client, os.Args[4])
	check(err)

	done := make(chan struct{})
	beside := make(chan int)
	go func() { beside <- fetchUntil(client, os.Args[4], done) }()
	whole, err := fetch(client, os.Args[3])
	check(err)
	close(done)
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{"download": whole, "beside": <-beside, "connections": dials}))
}

func transport(protocol, ca string, dials *int32) *http.Transport {
	dialer := net.Dialer{}
	made := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			atomic.AddInt32(dials, 1)
			return dialer.DialContext(ctx, network, address)
		},
	}
	if protocol == "h2c" {
		speakCleartext(made)
		return made
	}
	pem, err := os.ReadFile(ca)
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	made.TLSClientConfig = &tls.Config{RootCAs: roots}
	made.ForceAttemptHTTP2 = true
	return made
}

func fetch(client *http.Client, url string) (*download, error) {
	response, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	sum := sha256.New()
	size, err := io.CopyBuffer(sum, struct{ io.Reader }{response.Body}, make([]byte, 4096))
	return &download{response.Proto, size, fmt.Sprintf("%x", sum.Sum(nil))}, err
}

// How many times it could be fetched.
func fetchUntil(client *http.Client, url string, done chan struct{}) int {
	for count := 0; ; count++ {
		select {
		case <-done:
			return count
		default:
			_, err := fetch(client, url)
			check(err)
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
