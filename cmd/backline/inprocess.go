package main

import (
	"fmt"
	"io"
	"net/http"
)

// inProcess answers requests without a socket, as they come: an export does not have to fit into memory.
type inProcess struct{ h http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	read, write := io.Pipe()
	w := &pipeWriter{header: http.Header{}, body: write, begun: make(chan int, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if p := recover(); p != nil { // http.ErrAbortHandler: the answer is not whole
				w.WriteHeader(http.StatusInternalServerError)
				_ = write.CloseWithError(fmt.Errorf("the answer broke off: %v", p)) // never fails
				return
			}
			w.WriteHeader(http.StatusOK)
			_ = write.Close() // never fails
		}()
		t.h.ServeHTTP(w, r)
	}()
	status := <-w.begun
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Proto: "HTTP/1.1",
		ProtoMajor: 1, ProtoMinor: 1, Header: w.header, Body: &pipeBody{read, ended}, ContentLength: -1, Request: r}, nil
}

// pipeWriter hands the answer over while it is written.
type pipeWriter struct {
	header http.Header
	body   *io.PipeWriter
	begun  chan int // the status, once; never closed
	sent   bool
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	if !w.sent {
		w.sent = true
		w.begun <- status
	}
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// pipeBody waits, when it is closed, for the handler to end.
type pipeBody struct {
	*io.PipeReader
	ended chan struct{}
}

func (b *pipeBody) Close() error {
	err := b.PipeReader.Close()
	<-b.ended
	return err
}
