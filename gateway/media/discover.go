package media

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
)

const (
	discoverEvery = time.Minute // a line at home gets another address every night
	discoverWait  = time.Second // for one answer
	discoverTries = 3
)

// found are the addresses that STUN servers see us come from, which browsers are told: behind a NAT that maps the
// media port as it is (1:1 NAT of clouds, a forwarded port) they reach us there.
type found struct{ at atomic.Pointer[[]netip.Addr] }

// addrs returns a copy.
func (f *found) addrs() []netip.Addr {
	if all := f.at.Load(); all != nil {
		return slices.Clone(*all)
	}
	return nil
}

// discover asks the servers, now and again, until ctx ends. What was found stays when no server answers.
func (e *Engine) discover(ctx context.Context) {
	if len(e.stun) == 0 || len(e.sockets.public) > 0 {
		return
	}
	every := time.NewTicker(discoverEvery)
	defer every.Stop()
	for {
		if now := ask(ctx, e.stun); len(now) > 0 && !slices.Equal(now, e.sockets.found.addrs()) {
			e.sockets.found.at.Store(&now)
			e.log.Info("public addresses found by STUN", "addresses", now)
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

// ask returns what the first server of each family that answers says.
func ask(ctx context.Context, servers []string) []netip.Addr {
	var all []netip.Addr
	for _, network := range []string{"udp4", "udp6"} {
		for _, server := range servers {
			if a, err := PublicAddress(ctx, network, server); err == nil {
				all = append(all, a)
				break
			}
		}
	}
	return all
}

// PublicAddress asks a STUN server ("host:port") which address we come from; network is udp4 or udp6.
func PublicAddress(ctx context.Context, network, server string) (netip.Addr, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, server)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("reach STUN server: %w", err)
	}
	defer conn.Close()
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest)
	if err != nil {
		return netip.Addr{}, err
	}
	for range discoverTries {
		if err = ctx.Err(); err != nil {
			break
		}
		var a netip.Addr
		if a, err = mapped(conn, request); err == nil {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("ask STUN server: %w", err)
}

// mapped is one request and its answer.
func mapped(conn net.Conn, request *stun.Message) (netip.Addr, error) {
	if _, err := conn.Write(request.Raw); err != nil {
		return netip.Addr{}, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(discoverWait)); err != nil {
		return netip.Addr{}, err
	}
	buf := make([]byte, maxPacket)
	n, err := conn.Read(buf)
	if err != nil {
		return netip.Addr{}, err
	}
	return readMapped(buf[:n], request.TransactionID)
}

// readMapped reads an answer, which is whatever somebody sent to our port.
func readMapped(data []byte, id [stun.TransactionIDSize]byte) (netip.Addr, error) {
	answer := &stun.Message{Raw: slices.Clone(data)}
	if err := answer.Decode(); err != nil {
		return netip.Addr{}, fmt.Errorf("the answer is no STUN: %w", err)
	}
	var at stun.XORMappedAddress
	if answer.TransactionID != id || answer.Type != stun.BindingSuccess {
		return netip.Addr{}, fmt.Errorf("the answer is to something else")
	}
	if err := at.GetFrom(answer); err != nil {
		return netip.Addr{}, err
	}
	a, ok := netip.AddrFromSlice(at.IP)
	if a = a.Unmap(); !ok || !a.IsGlobalUnicast() && !a.IsLoopback() {
		return netip.Addr{}, fmt.Errorf("the answer names no address of ours")
	}
	return a, nil
}
