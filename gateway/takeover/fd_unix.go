//go:build unix

package takeover

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// write sends bytes and, with the first of them, descriptors.
func (w *wire) write(b []byte, fds []int) error {
	if len(fds) == 0 {
		_, err := w.conn.Write(b)
		return err
	}
	n, _, err := w.conn.WriteMsgUnix(b, unix.UnixRights(fds...), nil)
	if err != nil || n == len(b) {
		return err
	}
	_, err = w.conn.Write(b[n:])
	return err
}

// fill waits for something and keeps it.
func (w *wire) fill() error {
	b, oob := make([]byte, 4<<10), make([]byte, unix.CmsgSpace(4*maxFiles))
	n, nOOB, flags, _, err := w.conn.ReadMsgUnix(b, oob)
	if err != nil {
		return err
	}
	if err := w.keep(oob[:nOOB]); err != nil {
		return err
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return errors.New("descriptors were lost: this process may not have that many open files")
	}
	if n == 0 {
		return io.EOF
	}
	w.bytes = append(w.bytes, b[:n]...)
	return nil
}

func (w *wire) keep(oob []byte) error {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("read descriptors: %w", err)
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return fmt.Errorf("read descriptors: %w", err)
		}
		w.fds = append(w.fds, fds...)
	}
	if len(w.fds) > maxPending {
		return errors.New("too many descriptors")
	}
	return nil
}

// duplicate returns another descriptor of an open socket. It never goes through os.File, which might make the
// one socket that both mean blocking.
func duplicate(c syscall.Conn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var failed error
	if err := raw.Control(func(of uintptr) { fd, failed = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return -1, err
	}
	return fd, failed
}

// file returns a file that closes a further descriptor of fd.
func file(fd int) (*os.File, error) {
	other, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(other), "taken"), nil
}

// tcpConn makes a connection of a descriptor and closes the descriptor.
func tcpConn(fd int) (*net.TCPConn, error) {
	f := os.NewFile(uintptr(fd), "taken")
	defer f.Close() // the connection has its own
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("a %T, not a TCP connection", c), c.Close())
	}
	return t, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd) // nothing was written through it
	}
}
