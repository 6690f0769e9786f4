package takeover

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// Door hands connections to an http.Server and can take back those on which nobody speaks: of the next request
// not one byte was read, so that another process can read it from the start. A client does not notice, and no
// request meets a connection that is being closed.
//
//	new → (idle ⇄ active) → hijacked, closed, or moved
//
// net/http reads the next request of a connection by a Read that waits. Take ends that Read by a deadline that
// has passed; if it ends with nothing read, the connection is free to go; if something came first, it is served
// here and may go after its answer. Clients that send requests without waiting for answers (HTTP/1.1 pipelining,
// which no browser and no provider does) may lose the ones sent ahead.
type Door struct {
	within time.Duration // a connection that came from another process may be silent this long; Static

	mu    sync.Mutex
	here  map[*conn]struct{} // in the hands of the server, not hijacked; guarded by mu
	moved []*net.TCPConn     // guarded by mu
}

// NewDoor returns a Door. idle is the IdleTimeout of the server: net/http takes a connection from another process
// for a new one and would wait for its next request no longer than for a header.
func NewDoor(idle time.Duration) *Door { return &Door{within: idle, here: map[*conn]struct{}{}} }

// Listen returns a listener for the server: first the connections of another process, then those of l. Set
// [Door.State] as the server's ConnState.
func (d *Door) Listen(l net.Listener, taken []*net.TCPConn) *Listener {
	queue := make(chan *net.TCPConn, len(taken)) // never closed
	for _, c := range taken {
		queue <- c
	}
	return &Listener{Listener: l, door: d, taken: queue, paused: make(chan struct{}), closed: make(chan struct{})}
}

// Listener accepts until it is paused; what comes in then waits in the kernel for the next process.
type Listener struct {
	net.Listener
	door   *Door
	taken  chan *net.TCPConn
	once   sync.Once
	paused chan struct{} // closed by Pause
	ending sync.Once
	closed chan struct{} // closed by Close
}

// Accept is called by one goroutine.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.taken:
		return l.door.enter(c, true), nil
	default:
	}
	c, err := l.Listener.Accept()
	if err != nil {
		select {
		case <-l.paused:
			<-l.closed
			return nil, net.ErrClosed
		default:
			return nil, err
		}
	}
	t, ok := c.(*net.TCPConn)
	if !ok {
		return c, nil // in tests: it cannot move
	}
	return l.door.enter(t, false), nil
}

// Pause ends accepting without an error: Accept returns when the listener is closed.
func (l *Listener) Pause() {
	l.once.Do(func() {
		close(l.paused)
		if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
			_ = d.SetDeadline(longAgo) // fails only on a closed listener
		}
	})
}

// Close ends accepting. Connections of another process that were not accepted yet are closed.
func (l *Listener) Close() error {
	err := l.Listener.Close()
	l.ending.Do(func() {
		close(l.closed)
		for len(l.taken) > 0 {
			select {
			case c := <-l.taken:
				_ = c.Close() // nothing was written to it
			default:
			}
		}
	})
	return err
}

func (d *Door) enter(c *net.TCPConn, taken bool) *conn {
	k := &conn{TCPConn: c, door: d, quiet: true, taken: taken}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.here[k] = struct{}{}
	return k
}

// State is the server's ConnState.
func (d *Door) State(c net.Conn, s http.ConnState) {
	k, ok := c.(*conn)
	if !ok {
		return
	}
	switch s {
	case http.StateIdle:
		k.rest()
	case http.StateHijacked:
		d.leave(k)
	}
}

func (d *Door) leave(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.here, c)
}

// takeEvery is how often Take looks again at connections with a request under way.
const takeEvery = 2 * time.Millisecond

// Take takes back connections until none is left or the time is over, and hands them to give, some at a time. It
// returns how many are left, in the middle of a request. The server must not accept any more.
func (d *Door) Take(within time.Duration, give func([]*net.TCPConn) error) (left int, err error) {
	for end := time.Now().Add(within); ; time.Sleep(takeEvery) {
		moved, left := d.take()
		if len(moved) > 0 {
			if err := give(moved); err != nil {
				return left, err
			}
		}
		if left == 0 || time.Now().After(end) {
			return left, nil
		}
	}
}

// take asks every connection to go and returns those that went since the last time, and how many are left.
func (d *Door) take() (moved []*net.TCPConn, left int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.here {
		c.ask()
	}
	moved, d.moved = d.moved, nil
	return moved, len(d.here)
}

// conn is a connection in the hands of an http.Server.
type conn struct {
	*net.TCPConn
	door *Door

	mu      sync.Mutex
	quiet   bool          // nothing of the next request was read
	ahead   bool          // the last Read was net/http's look for the end of the connection, and got a byte
	reading bool          // a Read is under way
	taken   bool          // from another process, and nothing was read yet
	asked   time.Time     // the deadline that the server wants
	header  time.Duration // how long the server would have waited for the header of a taken one
	going   bool          // asked to go
	gone    bool          // it goes: the server's Read has ended with nothing
}

// Read is the server's. A byte that net/http reads during a request, to see whether the client is still there,
// belongs to the next one.
func (c *conn) Read(b []byte) (int, error) {
	c.mu.Lock()
	c.reading = true
	c.mu.Unlock()
	n, err := c.TCPConn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
	if n > 0 {
		c.spoken(len(b) == 1)
		return n, err
	}
	e, timeout := err.(net.Error)
	c.gone = c.going && timeout && e.Timeout()
	return n, err
}

// spoken notes that something was read. Callers hold mu.
func (c *conn) spoken(ahead bool) {
	c.quiet, c.ahead = false, ahead
	if c.taken {
		c.taken = false
		c.asked = time.Now().Add(c.header)
	}
	if c.going || !c.asked.IsZero() && c.header > 0 {
		c.going, c.header = false, 0
		_ = c.TCPConn.SetReadDeadline(c.asked) // fails only on a closed connection; the next Read says so
	}
}

// SetReadDeadline is the server's.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken && !t.IsZero() {
		c.header = time.Until(t)
		t = time.Now().Add(c.door.within)
	}
	c.asked = t
	return c.TCPConn.SetReadDeadline(t)
}

// rest: the answer was sent, and the next request may come.
func (c *conn) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = !c.ahead
}

// ask ends a Read that waits for the next request.
func (c *conn) ask() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.quiet && c.reading && !c.going {
		c.going = true
		_ = c.TCPConn.SetReadDeadline(longAgo) // fails only on a closed connection
	}
}

// Close is the server's. A connection that goes stays open.
func (c *conn) Close() error {
	c.mu.Lock()
	gone := c.gone
	c.mu.Unlock()
	c.door.mu.Lock()
	_, here := c.door.here[c]
	delete(c.door.here, c)
	if gone && here {
		_ = c.TCPConn.SetReadDeadline(time.Time{}) // fails only on a closed connection
		c.door.moved = append(c.door.moved, c.TCPConn)
	}
	c.door.mu.Unlock()
	if gone {
		return nil
	}
	return c.TCPConn.Close()
}
