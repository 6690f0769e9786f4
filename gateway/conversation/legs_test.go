package conversation_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/wire"
)

// anything has a random agent do a random thing to the call, or the router or a line do theirs.
func anything(r *rand.Rand, w *world, c *conversation.Conversation) (gateway.Event, error) {
	agent := gateway.AgentID(fmt.Sprint("a", r.IntN(9)))
	to := gateway.AgentTarget(gateway.AgentID(fmt.Sprint("a", r.IntN(9))))
	var call wire.Call
	if c.Head.Call != nil {
		call = *c.Head.Call
		if r.IntN(3) > 0 {
			agent = call.Agent
		}
	}
	var leg wire.CallLeg
	if len(call.Legs) > 0 {
		leg = call.Legs[r.IntN(len(call.Legs))]
	}
	switch r.IntN(14) {
	case 0:
		return c.Hold(agent, call.ID)
	case 1:
		return c.Resume(agent, call.ID)
	case 2:
		return c.Invite(agent, call.ID, gateway.RoleConsult, to)
	case 3, 4, 5:
		return c.Invite(agent, call.ID, gateway.RoleGuest, to)
	case 6, 7:
		if leg.ID == "" || leg.Agent != "" {
			return nil, nil
		}
		offer := gateway.OfferID(fmt.Sprintf("%s.%d", conversation.LegWork(c.Head.ID, leg.ID), c.Version))
		who := to.Agent()
		w.act(c, gateway.CallLegOffered{Call: call.ID, Leg: leg.ID, Offer: offer, Agents: []gateway.AgentID{who}, Until: w.now})
		if r.IntN(4) == 0 {
			return c.Decline(who, offer)
		}
		return c.Accept(who, offer)
	case 8:
		return c.Connect(agent, call.ID)
	case 9:
		return c.Back(agent, call.ID)
	case 10:
		return c.Conference(agent, call.ID)
	case 11:
		return c.Remove(agent, call.ID, leg.ID)
	case 12:
		modes := []gateway.LegRole{gateway.RoleListen, gateway.RoleWhisper, gateway.RoleBarge}
		return c.Supervise(to.Agent(), call.ID, modes[r.IntN(3)], r.IntN(2) == 0)
	}
	if r.IntN(2) == 0 {
		return c.Leave(agent, call.ID)
	}
	return c.EndLeg(call.ID, leg.ID, gateway.LeftLost), nil
}

func TestWhateverIsDoneToACallItMakesSenseAndARestartKnowsIt(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := newWorld(t)
		who := shopper("a")
		w.calls(who, "call-1")
		w.open()
		c := w.current(who)
		w.act(c, gateway.ConversationAssigned{Agent: "a0", How: "taken"})
		w.fact(who, gateway.CallConnected{Call: "call-1"})
		for range 60 {
			w.now = w.now.Add(time.Second)
			ev, err := anything(r, w, c)
			if err == nil && ev != nil {
				w.act(c, ev)
			}
			makesSense(t, seed, c)
		}
		again := conversation.New()
		for _, rec := range w.log {
			again.Apply(rec)
		}
		same, _ := again.Get(c.Head.ID)
		if d := cmp.Diff(c.Head, same.Head); d != "" {
			t.Fatalf("seed %d: the replay knows another call:\n%s", seed, d)
		}
		w.fact(who, gateway.CallEnded{Call: "call-1", Reason: gateway.EndCustomer})
		if rec := c.Head.LastCall; rec.HeldMS > rec.TalkMS || w.fold.Talking("a0") {
			t.Fatalf("seed %d: %+v, somebody still talks: %v", seed, rec, w.fold.Talking("a0"))
		}
	}
}

func makesSense(t *testing.T, seed uint64, c *conversation.Conversation) {
	t.Helper()
	call, in, consults := c.Head.Call, map[gateway.AgentID]int{}, 0
	in[call.Agent]++
	for _, l := range call.Legs {
		if l.Agent != "" {
			in[l.Agent]++
		}
		if l.Role == gateway.RoleConsult {
			consults++
		}
	}
	for a, n := range in {
		if n != 1 {
			t.Fatalf("seed %d: %s is in the call %d times: %+v", seed, a, n, call)
		}
	}
	if call.Agent != c.Head.Agent || len(call.Legs)+2 > conversation.MaxCallLegs || consults > 1 || consults == 1 && call.HeldSince == nil {
		t.Fatalf("seed %d: impossible: held by %s, %+v", seed, c.Head.Agent, call)
	}
}
