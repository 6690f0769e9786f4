package media

import (
	"net"
	"net/netip"
	"testing"

	"github.com/pion/stun/v4"
)

// seen is what a STUN server answers.
func seen(t testing.TB, id [stun.TransactionIDSize]byte, ip string) []byte {
	t.Helper()
	m, err := stun.Build(stun.NewTransactionIDSetter(id), stun.BindingSuccess, &stun.XORMappedAddress{IP: net.ParseIP(ip), Port: 7881})
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// server is a STUN server that sees everybody at one address.
func server(t *testing.T, ip string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 1500); ; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			m := &stun.Message{Raw: append([]byte(nil), buf[:n]...)}
			if m.Decode() == nil {
				_, _ = conn.WriteTo(seen(t, m.TransactionID, ip), from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().String()
}

func TestAddressesFoundBySTUNAreToldBeforeThoseOfTheMachine(t *testing.T) {
	outside := netip.MustParseAddr("203.0.113.9")
	found := ask(t.Context(), []string{server(t, outside.String())})
	if len(found) != 1 || found[0] != outside {
		t.Fatalf("found %v, want %s", found, outside)
	}
	s := &sockets{addr: netip.MustParseAddrPort("[::]:7881")}
	s.found.at.Store(&found)
	told, err := s.told()
	if err != nil || len(told) < 2 || told[0] != outside {
		t.Errorf("told %v (%v), want %s first and the machine's own after it", told, err, outside)
	}
	s.addr = netip.MustParseAddrPort("10.0.0.5:7881")
	if told, err := s.told(); err != nil || len(told) != 2 || told[0] != outside || told[1] != s.addr.Addr() {
		t.Errorf("on one address: told %v (%v)", told, err)
	}
	s.public = []netip.Addr{netip.MustParseAddr("198.51.100.4")}
	if told, err := s.told(); err != nil || len(told) != 1 || told[0] != s.public[0] {
		t.Errorf("told %v (%v), want what the configuration says and nothing else", told, err)
	}
}

func FuzzReadMapped(f *testing.F) {
	var id [stun.TransactionIDSize]byte
	f.Add(seen(f, id, "203.0.113.9"))
	f.Add(seen(f, id, "2001:db8::9"))
	f.Add(seen(f, id, "224.0.0.1"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := readMapped(data, id)
		if err == nil && (!a.IsValid() || a.IsMulticast() || a.IsUnspecified() || a.Is4In6()) {
			t.Errorf("%x is read as %s", data, a)
		}
	})
}
