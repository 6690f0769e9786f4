package takeover

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	maxFrame = 64 << 10
	// maxPending descriptors may have come whose frame has not been read.
	maxPending = 4 * maxFiles
)

// wire sends and receives frames with descriptors. The kernel delivers descriptors not later than the first byte
// they were sent with, so that they belong to frames in order.
type wire struct {
	conn  *net.UnixConn
	bytes []byte
	fds   []int
}

func newWire(c net.Conn) (*wire, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("a takeover needs a unix socket, not %T", c)
	}
	return &wire{conn: u}, nil
}

// send writes one frame with its descriptors, which stay the caller's.
func (w *wire) send(f frame, fds []int) error {
	f.Files = len(fds)
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if len(body) > maxFrame || len(fds) > maxFiles {
		return errors.New("the frame is too large")
	}
	_ = w.conn.SetWriteDeadline(time.Now().Add(StepTime)) // fails only on a closed connection; the write says so
	return w.write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...), fds)
}

// sendConns is send of descriptors that are in use here.
func (w *wire) sendConns(f frame, conns []syscall.Conn) error {
	fds := make([]int, 0, len(conns))
	defer func() { closeAll(fds) }()
	for _, c := range conns {
		fd, err := duplicate(c)
		if err != nil {
			return err
		}
		fds = append(fds, fd)
	}
	return w.tell(f, fds)
}

// read reads one frame; a zero time is no limit.
func (w *wire) read(within time.Duration) (frame, error) {
	until := time.Time{}
	if within > 0 {
		until = time.Now().Add(within)
	}
	_ = w.conn.SetReadDeadline(until) // fails only on a closed connection; the read says so
	for {
		f, ok, err := w.next()
		if ok || err != nil {
			return f, err
		}
		if err := w.fill(); err != nil {
			return frame{}, err
		}
	}
}

// next takes a whole frame from what has come.
func (w *wire) next() (frame, bool, error) {
	var f frame
	if len(w.bytes) < 4 {
		return f, false, nil
	}
	n := binary.BigEndian.Uint32(w.bytes)
	if n > maxFrame {
		return f, false, errors.New("the frame is too large")
	}
	if len(w.bytes) < 4+int(n) {
		return f, false, nil
	}
	body := w.bytes[4 : 4+n]
	w.bytes = w.bytes[4+n:]
	if err := json.Unmarshal(body, &f); err != nil {
		return f, false, fmt.Errorf("read a frame: %w", err)
	}
	if f.Files < 0 || f.Files > len(w.fds) {
		return f, false, errors.New("descriptors are missing")
	}
	return f, true, nil
}

// tell sends a frame. When the other has gone, why it went may have come before.
func (w *wire) tell(f frame, fds []int) error {
	err := w.send(f, fds)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		if said, e := w.read(StepTime); e == nil && said.Kind == isNo {
			return &Refused{said.Why}
		}
	}
	return err
}

// expect reads the frame that must come now.
func (w *wire) expect(kind string, within time.Duration) (frame, error) {
	f, err := w.read(within)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return f, fmt.Errorf("no answer for %s", within)
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		return f, errors.New("the other process has ended")
	case err != nil:
		return f, err
	case f.Kind != kind:
		return f, unexpected(f)
	}
	return f, nil
}

// take removes the descriptors of the frame that was read last; they are the caller's.
func (w *wire) take(n int) []int {
	n = min(n, len(w.fds))
	fds := w.fds[:n:n]
	w.fds = w.fds[n:]
	return fds
}

// alive reports whether the other side is there and silent.
func (w *wire) alive() error {
	_ = w.conn.SetReadDeadline(time.Now().Add(time.Millisecond)) // fails only on a closed connection; the read says so
	err := w.fill()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case err != nil:
		return errors.New("the new process has ended")
	}
	f, err := w.read(StepTime)
	if err != nil {
		return err
	}
	return unexpected(f)
}

func (w *wire) close() error {
	closeAll(w.fds)
	w.fds = nil
	return w.conn.Close()
}
