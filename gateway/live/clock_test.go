package live_test

import (
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway"
	"backline/gateway/journal/memory"
	"backline/gateway/live"
	"backline/gateway/wire"
)

// A node whose clock is an hour ahead has offered a conversation and begun a wrap-up. The next one to decide has neither go on
// for an hour.
func TestTimesOfAClockThatIsAheadAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		h := run(t, j, func(o *live.Options) { o.Settings.RingTime = time.Hour })
		h.agent("jana")
		h.says(visitor(1), "hello?")
		synctest.Wait()
		offered := h.only()
		if offered.State != gateway.StateOffered || time.Until(offered.Offer.Until) < 50*time.Minute {
			t.Fatalf("got %s %+v, want an offer that rings for an hour", offered.State, offered.Offer)
		}
		h.stop()

		h = run(t, j)
		h.Heartbeat("jana")
		time.Sleep(25 * time.Second)
		c := h.only()
		if c.Offer != nil && c.Offer.ID == offered.Offer.ID {
			t.Fatalf("it still rings: %+v", c.Offer)
		}
		h.Heartbeat("jana")
		synctest.Wait()
		c = h.only()
		h.must(h.AcceptOffer(t.Context(), "jana", c.ID, c.Offer.ID))
		h.must(j.Append(t.Context(), write(gateway.ConversationStream(c.ID), gateway.WrapUpStarted{Until: time.Now().Add(time.Hour)})))
		time.Sleep(45 * time.Second) // a wrap-up takes 30 s
		if c := h.only(); c.State != gateway.StateActive {
			t.Errorf("got %s, want a wrap-up that has ended", c.State)
		}
	})
}

// When the clock was set the router begins again. What rings, waits and is held is as it was, and nobody is taken for silent.
func TestNothingEndsWhenTheClockIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("jana") // has room for four
		h.says(visitor(1), "rings")
		synctest.Wait()
		rings := h.only()
		for n := range 4 {
			h.says(visitor(2+n), "three ring, one waits")
		}
		synctest.Wait()
		time.Sleep(10 * time.Second)
		live.ClockWasSet(h.Live)
		h.says(visitor(6), "waits, too")
		synctest.Wait()
		states := map[gateway.State]int{}
		for _, c := range h.Conversations(func(*wire.Conversation) bool { return true }) {
			states[c.State]++
			if c.ID == rings.ID && (c.Offer == nil || c.Offer.ID != rings.Offer.ID) {
				t.Errorf("got %+v, want the offer as it was", c.Offer)
			}
		}
		if states[gateway.StateOffered] != 4 || states[gateway.StateWaiting] != 2 {
			t.Errorf("got %v, want four that ring and two that wait", states)
		}
		time.Sleep(11 * time.Second)
		if c := h.Conversations(func(c *wire.Conversation) bool { return c.ID == rings.ID })[0]; c.Offer != nil && c.Offer.ID == rings.Offer.ID {
			t.Errorf("it rings for longer than it should: %+v", c.Offer)
		}
	})
}
