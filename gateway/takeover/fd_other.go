//go:build !unix

package takeover

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// Other systems have no way to hand over a socket: an upgrade there is a restart.

var errNoWay = errors.New("this system cannot hand sockets over: stop the gateway and start the new version")

func (w *wire) write([]byte, []int) error { return errNoWay }
func (w *wire) fill() error               { return errNoWay }

func duplicate(syscall.Conn) (int, error) { return -1, errNoWay }
func file(int) (*os.File, error)          { return nil, errNoWay }
func tcpConn(int) (*net.TCPConn, error)   { return nil, errNoWay }
func closeAll([]int)                      {}
