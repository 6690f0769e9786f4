package chaos

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is what is wrong with a cable. The zero value is a good cable.
type Fault struct {
	Cut      bool          // connections end, new ones end at once
	Up, Down bool          // nothing passes from, or to, the one who dialled; it does when the fault is over
	Delay    time.Duration // of what is passed, each way
}

// Names are the processes of a run, by id. The zero value knows none.
type Names struct {
	mu  sync.Mutex
	all map[int]string
}

// Set names a process.
func (n *Names) Set(pid int, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil {
		n.all = map[int]string{}
	}
	for p, x := range n.all {
		if x == name {
			delete(n.all, p) // one before it
		}
	}
	n.all[pid] = name
}

func (n *Names) copy() map[int]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.all)
}

// Cable is a TCP connection to one server that can be broken, for all who use it or for one. It tells who dials by
// the process that owns the other end, which takes Linux.
type Cable struct {
	Addr string // where to dial

	to       string
	names    *Names
	listener net.Listener
	stop     context.CancelFunc
	ctx      context.Context // of Run, not of a request
	running  sync.WaitGroup

	mu      sync.Mutex
	fault   func(who string) Fault // guarded by mu
	changed chan struct{}          // closed when fault is another one; guarded by mu
	conns   map[*strand]bool       // guarded by mu
}

// strand is one connection through a cable.
type strand struct {
	who            string
	client, server net.Conn
}

// NewCable starts one on loopback that leads to an address; Close ends it. names says which processes there are;
// nil: nobody is told from another.
func NewCable(to string, names *Names) (*Cable, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &Cable{Addr: l.Addr().String(), to: to, listener: l, names: names, fault: func(string) Fault { return Fault{} },
		changed: make(chan struct{}), conns: map[*strand]bool{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.running.Go(c.accept)
	return c, nil
}

// Close ends all connections and returns when nothing is left.
func (c *Cable) Close() {
	c.stop()
	_ = c.listener.Close()
	c.mu.Lock()
	for s := range c.conns {
		s.close()
	}
	c.mu.Unlock()
	c.running.Wait()
}

// Break changes what is wrong, for each who dials: "" is somebody whose name is not known.
func (c *Cable) Break(fault func(who string) Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = fault
	close(c.changed)
	c.changed = make(chan struct{})
	for s := range c.conns {
		if fault(s.who).Cut {
			s.close()
		}
	}
}

// All breaks it for everybody.
func (c *Cable) All(f Fault) { c.Break(func(string) Fault { return f }) }

// Mend makes it good.
func (c *Cable) Mend() { c.All(Fault{}) }

func (s *strand) close() {
	_ = s.client.Close() // whoever copies notices
	if s.server != nil {
		_ = s.server.Close()
	}
}

func (c *Cable) accept() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.running.Go(func() { c.carry(client) })
	}
}

func (c *Cable) carry(client net.Conn) {
	s := &strand{client: client}
	defer s.client.Close()
	if c.names != nil {
		s.who = owner(client, c.names.copy())
	}
	if !c.good(s) { // a new connection needs both ways
		return
	}
	server, err := net.DialTimeout("tcp", c.to, 5*time.Second)
	if err != nil {
		return
	}
	c.mu.Lock()
	s.server = server
	c.conns[s] = true
	cut := c.fault(s.who).Cut || c.ctx.Err() != nil
	c.mu.Unlock()
	if !cut {
		up := make(chan struct{})
		go func() {
			defer close(up)
			c.copy(s, true)
		}()
		c.copy(s, false)
		<-up
	}
	c.mu.Lock()
	delete(c.conns, s)
	c.mu.Unlock()
	s.close()
}

// state is the fault that holds for a strand, and what is closed when another one does.
func (c *Cable) state(s *strand) (Fault, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault(s.who), c.changed
}

// good waits until nothing holds a new connection up; false: it is refused.
func (c *Cable) good(s *strand) bool {
	for {
		f, changed := c.state(s)
		if f.Cut || c.ctx.Err() != nil {
			return false
		}
		if !f.Up && !f.Down {
			return true
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
		}
	}
}

// piece is what was read at once, and when.
type piece struct {
	data []byte
	at   time.Time
}

// copy carries one way, in order, until the strand ends.
func (c *Cable) copy(s *strand, up bool) {
	from, to := s.server, s.client
	if up {
		from, to = s.client, s.server
	}
	pieces := make(chan piece, 256) // closed by the reader
	go func() {
		defer close(pieces)
		for {
			buf := make([]byte, 32<<10)
			n, err := from.Read(buf)
			if n > 0 {
				pieces <- piece{buf[:n], time.Now()}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		if !c.passes(s, up, p.at) {
			break
		}
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	s.close()
	for range pieces { // until the reader has noticed
	}
}

// passes waits until something that was read at a time may go on; false: never.
func (c *Cable) passes(s *strand, up bool, at time.Time) bool {
	for {
		f, changed := c.state(s)
		held := f.Up && up || f.Down && !up
		wait := time.Until(at.Add(f.Delay))
		switch {
		case f.Cut || c.ctx.Err() != nil:
			return false
		case !held && (f.Delay == 0 || wait <= 0):
			return true
		}
		var later <-chan time.Time // never, while it is held
		if !held {
			later = time.After(wait)
		}
		select {
		case <-changed:
		case <-later:
		case <-c.ctx.Done():
		}
	}
}

// owner names the process that has the other end of a connection on this machine.
func owner(conn net.Conn, names map[int]string) string {
	inode := inodeOf(conn.RemoteAddr().(*net.TCPAddr), conn.LocalAddr().(*net.TCPAddr))
	if inode == "" {
		return ""
	}
	for pid, name := range names {
		folder := fmt.Sprintf("/proc/%d/fd", pid)
		fds, err := os.ReadDir(folder)
		if err != nil {
			continue // it has ended
		}
		for _, fd := range fds {
			if to, err := os.Readlink(folder + "/" + fd.Name()); err == nil && to == "socket:["+inode+"]" {
				return name
			}
		}
	}
	return ""
}

// inodeOf finds a socket in /proc/net/tcp, whose lines have local address, remote address and, tenth, the inode
// (proc_pid_net(5)).
func inodeOf(local, remote *net.TCPAddr) string {
	raw, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return ""
	}
	from, to := ":"+hexPort(local), ":"+hexPort(remote)
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) > 9 && strings.HasSuffix(f[1], from) && strings.HasSuffix(f[2], to) {
			return f[9]
		}
	}
	return ""
}

func hexPort(a *net.TCPAddr) string {
	return fmt.Sprintf("%04s", strings.ToUpper(strconv.FormatInt(int64(a.Port), 16)))
}
