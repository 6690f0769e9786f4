package takeover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// socket is how a frame names a descriptor: what it is for, and the address as the configuration writes it.
type socket struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// Set keeps a duplicate of each listening socket of a process, so that the socket outlives whoever listens: what
// comes in meanwhile waits in the kernel. The zero value is empty.
type Set struct {
	mu   sync.Mutex
	held map[socket]int // guarded by mu
}

// received makes a Set of what came with a frame.
func received(sockets []socket, fds []int) (*Set, error) {
	if len(sockets) != len(fds) {
		closeAll(fds)
		return nil, errors.New("the sockets and their names do not match")
	}
	s := &Set{held: map[socket]int{}}
	for i, name := range sockets {
		if _, twice := s.held[name]; twice {
			closeAll(fds[i:])
			return nil, errors.Join(fmt.Errorf("two sockets are named %s", name.Name), s.Close())
		}
		s.held[name] = fds[i]
	}
	return s, nil
}

// Keep adds a duplicate of c unless there is one of this name and address.
func (s *Set) Keep(name, address string, c syscall.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := socket{name, address}
	if _, ok := s.held[key]; ok {
		return nil
	}
	fd, err := duplicate(c)
	if err != nil {
		return fmt.Errorf("keep socket %s: %w", name, err)
	}
	if s.held == nil {
		s.held = map[socket]int{}
	}
	s.held[key] = fd
	return nil
}

// Listener returns the listening socket of this name and address; nil when there is none, and then the caller
// binds it.
func (s *Set) Listener(name, address string) (net.Listener, error) {
	f, err := s.file(name, address)
	if f == nil || err != nil {
		return nil, err
	}
	defer f.Close() // the listener has its own
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("take socket %s: %w", name, err)
	}
	return l, nil
}

// PacketConn is Listener for datagrams.
func (s *Set) PacketConn(name, address string) (net.PacketConn, error) {
	f, err := s.file(name, address)
	if f == nil || err != nil {
		return nil, err
	}
	defer f.Close() // the connection has its own
	c, err := net.FilePacketConn(f)
	if err != nil {
		return nil, fmt.Errorf("take socket %s: %w", name, err)
	}
	return c, nil
}

func (s *Set) file(name, address string) (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fd, ok := s.held[socket{name, address}]
	if !ok {
		return nil, nil
	}
	f, err := file(fd)
	if err != nil {
		return nil, fmt.Errorf("take socket %s: %w", name, err)
	}
	return f, nil
}

// all are the names and descriptors, in the same order. The descriptors stay the Set's.
func (s *Set) all() (names []socket, fds []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, fd := range s.held {
		names, fds = append(names, name), append(fds, fd)
	}
	return names, fds
}

// Close drops the duplicates. A socket that nobody else holds is gone.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fd := range s.held {
		closeAll([]int{fd})
	}
	s.held = nil
	return nil
}
