package sfu_test

import (
	"net"
	"net/netip"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"backline/gateway/meet/sfu"
)

// cable is one page's way to the gateway: what goes to the page waits in a queue as a slow line has one, and is lost
// when that is full.
type cable struct {
	rate    atomic.Int64 // bits a second to the page; 0: as they come
	gateway string       // its port
	front   *net.UDPConn // where the page sends to
	back    *net.UDPConn // where the gateway sends to
	page    atomic.Pointer[netip.AddrPort]
}

// queueTime is how long a packet waits at most.
const queueTime = 300 * time.Millisecond

var (
	candidates = regexp.MustCompile(`(?m)^a=candidate:.*\r\n`)
	udpPort    = regexp.MustCompile(`(?m)^(a=candidate:\S+ \d+ udp \d+ \S+ )(\d+) `)
)

// lay leads an answer of the gateway through the cable.
func (c *cable) lay(t *testing.T, answer string) string {
	at := udpPort.FindStringSubmatch(answer)
	if at == nil {
		t.Fatalf("no candidate in %s", answer)
	}
	c.gateway = at[2]
	var err error
	local := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0"))
	c.front, err = net.ListenUDP("udp4", local)
	must(t, err)
	far, err := net.ResolveUDPAddr("udp4", "127.0.0.1:"+c.gateway)
	must(t, err)
	c.back, err = net.DialUDP("udp4", local, far)
	must(t, err)
	up, down := make(chan struct{}), make(chan struct{})
	go func() { defer close(up); c.up() }()
	go func() { defer close(down); c.down() }()
	t.Cleanup(func() {
		_, _ = c.front.Close(), c.back.Close()
		<-up
		<-down
	})
	_, port, _ := net.SplitHostPort(c.front.LocalAddr().String())
	return udpPort.ReplaceAllString(answer, "${1}"+port+" ")
}

func (c *cable) up() {
	buf := make([]byte, 2000)
	for {
		n, from, err := c.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		c.page.Store(&from)
		_, _ = c.back.Write(buf[:n])
	}
}

// down sends each packet when those before it have left.
func (c *cable) down() {
	type packet struct {
		data []byte
		at   time.Time
	}
	queue := make(chan packet, 10_000)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for p := range queue {
			time.Sleep(time.Until(p.at))
			_, _ = c.front.WriteToUDPAddrPort(p.data, *c.page.Load())
		}
	}()
	defer func() { close(queue); <-over }()
	buf := make([]byte, 2000)
	var free time.Time // when the line has nothing to do any more
	for {
		n, err := c.back.Read(buf)
		if err != nil {
			return
		}
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		if rate := c.rate.Load(); rate > 0 {
			if free.Sub(now) > queueTime {
				continue
			}
			free = free.Add(time.Duration(n+28) * 8 * time.Second / time.Duration(rate)) // 28: IP and UDP
		}
		queue <- packet{append([]byte(nil), buf[:n]...), free}
	}
}

func TestASlowLineGetsSmallPicturesAndAllOfTheVoice(t *testing.T) {
	h := newHouse(t)
	slow := &cable{}
	h.page("b", 1, 1)
	a := h.pageBy(slow, "a", 1, 1)
	h.room().Want("a", everybody("", 700, "b"))
	a.sees("b", sfu.Camera, 720)

	slow.rate.Store(180_000) // a voice and the smallest picture need 145,000, with the next one 190,000
	begun := time.Now()
	a.sees("b", sfu.Camera, 180)
	t.Logf("the small picture after %s", time.Since(begun).Round(10*time.Millisecond))
	time.Sleep(3 * time.Second) // until what was queued has gone
	voice := h.carries("a", "b", sfu.Audio)
	before := a.on(voice)
	time.Sleep(5 * time.Second)
	now := a.on(voice)
	if n, gaps := now.packets-before.packets, now.gaps-before.gaps; n < 150 || gaps > n/20 {
		t.Errorf("%d packets of the voice with %d gaps in 5 s", n, gaps)
	}
	a.waits = time.Minute      // a try that goes wrong makes the next one wait
	a.sees("b", sfu.Camera, 0) // of any size: now and then a larger one is tried

	slow.rate.Store(0)
	begun = time.Now()
	a.sees("b", sfu.Camera, 720)
	t.Logf("the large picture %s after the line was wide again", time.Since(begun).Round(10*time.Millisecond))
}
