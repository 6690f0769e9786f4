package calls_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway"
	"backline/gateway/calls"
	"backline/gateway/journal"
	"backline/gateway/journal/memory"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/wire"
)

// team is a house with a call between visitor 1 and jana, and colleagues who are ready.
func team(t *testing.T, j *memory.Journal, colleagues ...gateway.AgentID) (*house, wire.Conversation, gateway.CallID) {
	h := run(t, j)
	h.agent("jana")
	c := h.talk(visitor(1), callID(1), "jana")
	for _, a := range colleagues {
		h.agent(a)
	}
	return h, c, callID(1)
}

// wants checks what sides hear.
func (h *house) wants(when string, id gateway.CallID, want map[media.Side]media.Source) {
	h.t.Helper()
	synctest.Wait()
	for s, w := range want {
		if got := h.lines.hear(id, s); got != w {
			h.t.Errorf("%s: %s hears %q, want %q", when, s, got, w)
		}
	}
}

func refused(err error, kind gateway.Kind) bool {
	e, ok := errors.AsType[*gateway.Error](err)
	return ok && e.Kind == kind
}

// rings returns the offer of an invitation that rings at an agent.
func (h *house) rings(a gateway.AgentID) gateway.OfferID {
	h.t.Helper()
	synctest.Wait()
	for _, l := range h.only().Call.Legs {
		if l.Offer != nil && slices.Contains(l.Offer.Agents, a) {
			return l.Offer.ID
		}
	}
	h.t.Fatalf("nothing rings at %s: %+v", a, h.only().Call.Legs)
	return ""
}

// joins has an agent take what rings at them, and be on the line.
func (h *house) joins(a gateway.AgentID, c gateway.ConversationID, id gateway.CallID) {
	h.t.Helper()
	h.must(h.AcceptOffer(h.t.Context(), a, c, h.rings(a)))
	h.must(h.desk.AgentOffer(h.t.Context(), a, c, id, "a=fingerprint:"+string(a)+"\r\n", false))
	h.line(id, of(a), media.Connected)
}

const (
	music    = media.Source("music")
	customer = media.Customer
)

func TestAHeldCallStaysHeldOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		h, c, id := team(t, j, "emil")
		talk := map[media.Side]media.Source{customer: "agent/jana", of("jana"): "customer"}
		held := map[media.Side]media.Source{customer: music, of("jana"): ""}
		h.must(h.Hold(t.Context(), "jana", c.ID, id))
		h.must(h.Hold(t.Context(), "jana", c.ID, id)) // said twice
		h.wants("on hold", id, held)
		if _, err := h.Resume(t.Context(), "emil", c.ID, id); !refused(err, gateway.Conflicting) {
			t.Errorf("a colleague resumes: %v", err)
		}
		h.stop()

		h = run(t, j)
		h.Heartbeat("jana")
		h.must(h.desk.CustomerOffer(t.Context(), visitor(1), id, window, false))
		h.must(h.desk.AgentOffer(t.Context(), "jana", c.ID, id, window, false))
		h.line(id, customer, media.Connected)
		h.line(id, of("jana"), media.Connected)
		h.wants("on hold after the restart", id, held)
		h.must(h.Resume(t.Context(), "jana", c.ID, id))
		h.wants("resumed", id, talk)
		h.must(nil, h.desk.AgentHangup(t.Context(), "jana", c.ID, id))
		if got := h.only().LastCall; got.HeldMS == 0 || got.HeldMS > got.TalkMS {
			t.Errorf("record %+v, want the hold in it", got)
		}
		h.stop()
	})
}

func TestAConsultationIsNotHeardByTheCustomerAndEndsInOneOfThreeWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, id := team(t, memory.New(), "emil", "lea")
		h.must(h.Invite(t.Context(), "jana", c.ID, id, gateway.RoleConsult, "agent/emil"))
		h.wants("while it rings", id, map[media.Side]media.Source{customer: music, of("jana"): ""})
		if _, err := h.Connect(t.Context(), "jana", c.ID, id); !refused(err, gateway.Conflicting) {
			t.Errorf("connect before the colleague has answered: %v", err)
		}
		h.joins("emil", c.ID, id)
		aside := map[media.Side]media.Source{customer: music, of("jana"): "agent/emil", of("emil"): "agent/jana"}
		h.wants("consulting", id, aside)
		if _, err := h.Resume(t.Context(), "jana", c.ID, id); !refused(err, gateway.Conflicting) {
			t.Errorf("resume while somebody is consulted: %v", err)
		}
		h.must(h.Back(t.Context(), "jana", c.ID, id))
		h.wants("back", id, map[media.Side]media.Source{customer: "agent/jana", of("jana"): "customer", of("emil"): ""})
		if !slices.ContainsFunc(h.lines.hung, func(k media.LegKey) bool { return k.Side == of("emil") }) {
			t.Error("who was consulted keeps the line")
		}

		h.must(h.Invite(t.Context(), "jana", c.ID, id, gateway.RoleConsult, "queue/main")) // the next of the queue, not jana herself
		synctest.Wait()
		next := h.only().Call.Consult().Offer.Agents[0]
		h.joins(next, c.ID, id)
		h.must(h.Conference(t.Context(), "jana", c.ID, id))
		h.wants("conference", id, map[media.Side]media.Source{customer: "agent/jana+" + media.From(of(next)),
			of("jana"): "customer+" + media.From(of(next)), of(next): "customer+agent/jana"})
		h.must(nil, h.desk.AgentHangup(t.Context(), next, c.ID, id))
		h.wants("after the guest has left", id, map[media.Side]media.Source{customer: "agent/jana", of("jana"): "customer"})

		h.must(h.Invite(t.Context(), "jana", c.ID, id, gateway.RoleConsult, "agent/emil"))
		h.joins("emil", c.ID, id)
		h.must(h.Connect(t.Context(), "jana", c.ID, id))
		h.alive(2*time.Second, "jana", "emil")
		h.wants("handed over", id, map[media.Side]media.Source{customer: "agent/emil", of("emil"): "customer", of("jana"): ""})
		if got := h.only(); got.Agent != "emil" || got.Call.State != wire.CallConnected || len(got.Call.Legs) != 0 || got.Call.HeldSince != nil {
			t.Errorf("%s has %+v, want emil connected on the line he has", got.Agent, got.Call)
		}
		h.stop()
	})
}

func TestAColleagueWhoDoesNotAnswerGivesTheCustomerBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, id := team(t, memory.New(), "emil")
		talk := map[media.Side]media.Source{customer: "agent/jana", of("jana"): "customer"}
		h.must(h.Invite(t.Context(), "jana", c.ID, id, gateway.RoleConsult, "agent/emil"))
		h.must(h.Decline(t.Context(), "emil", c.ID, h.rings("emil")))
		h.wants("declined", id, talk)
		h.must(h.Invite(t.Context(), "jana", c.ID, id, gateway.RoleConsult, "agent/emil"))
		h.rings("emil")
		h.alive(25*time.Second, "jana", "emil")
		h.wants("rung out", id, talk)
		h.must(h.SetPresence(t.Context(), "emil", gateway.PresenceAway))
		if _, err := h.Invite(t.Context(), "jana", c.ID, id, gateway.RoleConsult, "agent/emil"); !refused(err, gateway.Conflicting) {
			t.Errorf("somebody who is away is asked: %v", err)
		}
		h.wants("away", id, talk)
		h.must(h.SetPresence(t.Context(), "emil", gateway.PresenceReady))
		h.must(h.Invite(t.Context(), "jana", c.ID, id, gateway.RoleConsult, "agent/emil"))
		h.must(h.SetPresence(t.Context(), "emil", gateway.PresenceAway)) // while it rings
		h.alive(time.Second, "jana", "emil")
		h.wants("gone while it rang", id, talk)
		h.stop()
	})
}

func TestALegTakesRoomAndIsLostWithItsLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, id := team(t, memory.New(), "emil")
		h.must(h.Invite(t.Context(), "jana", c.ID, id, gateway.RoleGuest, "agent/emil"))
		h.joins("emil", c.ID, id)
		h.must(h.desk.CustomerOffer(t.Context(), visitor(2), callID(2), window, false))
		h.line(callID(2), customer, media.Connected)
		for _, other := range h.Conversations(func(c *wire.Conversation) bool { return c.Call != nil && c.Call.ID == callID(2) }) {
			if other.State != gateway.StateWaiting {
				t.Errorf("another call rings at %+v, who are both in one", other.Offer)
			}
		}
		h.line(id, of("emil"), media.Interrupted)
		h.alive(calls.NoLineAfter+2*time.Second, "jana", "emil")
		if got, _ := h.Conversation(c.ID); len(got.Call.Legs) != 0 || got.Call.State != wire.CallConnected {
			t.Errorf("call %+v, want the lost guest out of it and it to go on", got.Call)
		}
		h.stop()
	})
}

func TestAtMostEightAreInACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, id := team(t, memory.New())
		for n := range 7 {
			a := gateway.AgentID("guest" + string(rune('a'+n)))
			h.agent(a)
			_, err := h.Invite(t.Context(), "jana", c.ID, id, gateway.RoleGuest, gateway.AgentTarget(a))
			if n < 6 {
				h.must(nil, err)
				h.joins(a, c.ID, id)
			} else if !refused(err, gateway.Conflicting) {
				t.Errorf("the ninth: %v, want it refused", err)
			}
		}
		if got := h.lines.hear(id, customer); len(got) == 0 || len(h.only().Call.Legs) != 6 {
			t.Errorf("the customer hears %q with %d legs", got, len(h.only().Call.Legs))
		}
		h.must(h.LeaveCall(t.Context(), "jana", c.ID, id))
		synctest.Wait()
		if got := h.only(); got.Agent != "guesta" || len(got.Call.Legs) != 5 {
			t.Errorf("%s holds it with %d legs, want the first guest with five", got.Agent, len(got.Call.Legs))
		}
		h.stop()
	})
}

func TestTheGuestHasTheCallWhenItsHolderIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, id := team(t, memory.New(), "emil")
		h.must(h.Invite(t.Context(), "jana", c.ID, id, gateway.RoleGuest, "agent/emil"))
		h.joins("emil", c.ID, id)
		h.alive(2*time.Minute, "emil") // jana's console is not heard any more
		got := h.only()
		if got.Agent != "emil" || got.Call == nil || got.Call.State != wire.CallConnected {
			t.Errorf("%s has %+v, want the guest to hold the call", got.Agent, got.Call)
		}
		h.wants("handed on", id, map[media.Side]media.Source{customer: "agent/emil", of("emil"): "customer"})
		h.stop()
	})
}

func (h *house) supervisor(id gateway.AgentID) {
	h.agent(id)
	w := live.Write(gateway.AgentStream(id), journal.Any, "", time.Now(), gateway.AgentSaved{Agent: id, Name: string(id),
		Queues: []gateway.QueueID{"main"}, Role: "supervisor", CallCapacity: 1, TextCapacity: 4})
	h.must(h.journal.Append(h.t.Context(), w))
	synctest.Wait()
}

func TestASupervisorListensWhispersAndJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, id := team(t, memory.New(), "emil")
		h.supervisor("olga")
		if _, err := h.Supervise(t.Context(), "emil", c.ID, id, gateway.RoleListen); !refused(err, gateway.Forbidden) {
			t.Errorf("an agent supervises: %v", err)
		}
		h.must(h.Supervise(t.Context(), "olga", c.ID, id, gateway.RoleListen))
		h.must(h.desk.AgentOffer(t.Context(), "olga", c.ID, id, "a=fingerprint:olga\r\n", false))
		h.line(id, of("olga"), media.Connected)
		h.wants("listening", id, map[media.Side]media.Source{customer: "agent/jana", of("jana"): "customer", of("olga"): "customer+agent/jana"})
		h.must(h.Supervise(t.Context(), "olga", c.ID, id, gateway.RoleWhisper))
		h.wants("whispering", id, map[media.Side]media.Source{customer: "agent/jana", of("jana"): "customer+agent/olga"})
		h.must(h.Supervise(t.Context(), "olga", c.ID, id, gateway.RoleBarge))
		h.wants("joined", id, map[media.Side]media.Source{customer: "agent/jana+agent/olga", of("jana"): "customer+agent/olga"})
		h.must(h.Hold(t.Context(), "jana", c.ID, id))
		h.wants("on hold", id, map[media.Side]media.Source{customer: music, of("jana"): "agent/olga", of("olga"): "agent/jana"})
		h.must(nil, h.desk.AgentHangup(t.Context(), "olga", c.ID, id))
		synctest.Wait()
		if got := h.only(); got.Call == nil || len(got.Call.Legs) != 0 {
			t.Errorf("call %+v, want it to go on without the supervisor", got.Call)
		}
		h.stop()
	})
}

func TestOfTwoWhoPickUpOneHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("jana")
		c := h.ring(visitor(1), callID(1))
		h.agent("emil")
		h.agent("lea")
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i, a := range []gateway.AgentID{"emil", "lea"} {
			wg.Go(func() { _, errs[i] = h.PickUp(t.Context(), a, c.ID, c.Offer.ID) })
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !refused(errors.Join(errs...), gateway.Conflicting) {
			t.Errorf("got %v, want one to have it and one to be told", errs)
		}
		if _, err := h.AcceptOffer(t.Context(), "jana", c.ID, c.Offer.ID); !refused(err, gateway.Conflicting) {
			t.Errorf("who was rung accepts too: %v", err)
		}
		h.stop()
	})
}

func TestAHiddenSupervisorIsSeenByThemselvesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := runWith(t, memory.New(), setup{supervision: live.SupervisionHidden})
		h.agent("jana")
		c := h.talk(visitor(1), callID(1), "jana")
		h.supervisor("olga")
		seen := map[gateway.AgentID]int{}
		heads := func(s *live.Subscription) (legs int) {
			synctest.Wait()
			for len(s.Frames) > 0 {
				if u, ok := (<-s.Frames).(wire.ConsoleUpdate); ok && u.Conversation != nil {
					legs = len(u.Conversation.Call.Legs)
				}
			}
			return legs
		}
		subs := map[gateway.AgentID]*live.Subscription{}
		for _, a := range []gateway.AgentID{"jana", "olga"} {
			s, _, err := h.Subscribe(t.Context(), a, 0)
			h.must(nil, err)
			subs[a] = s
		}
		h.must(h.Supervise(t.Context(), "olga", c.ID, callID(1), gateway.RoleWhisper))
		for a, s := range subs {
			seen[a] = heads(s)
		}
		if seen["jana"] != 0 || seen["olga"] != 1 {
			t.Errorf("legs seen: %v, want the supervisor's by the supervisor alone", seen)
		}
		if got := h.only(); len(got.Call.Legs) != 0 {
			t.Errorf("REST shows %+v", got.Call.Legs)
		}
		if got := h.lines.hear(callID(1), of("jana")); got != "customer+agent/olga" {
			t.Errorf("the agent hears %q", got)
		}
		items, err := h.history.Thread(t.Context(), visitor(1).Thread(), 0, 100)
		h.must(nil, err)
		for _, it := range items {
			if it.Event == "call_supervised" {
				t.Error("the timeline tells")
			}
		}
		h.stop()
	})
}
