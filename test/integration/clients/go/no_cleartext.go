//go:build !go1.24

package main

import (
	"net/http"
	"os"
)

func speakCleartext(*http.Transport) {
	os.Exit(3)
}
