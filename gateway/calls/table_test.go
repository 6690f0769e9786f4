package calls

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/media"
	"backline/gateway/wire"
)

// anyCall makes a call in any state that the fold could bring it to, and some that it could not.
func anyCall(r *rand.Rand) *wire.Call {
	states := []wire.CallState{wire.CallWaiting, wire.CallRinging, wire.CallAnswered, wire.CallConnected, wire.CallConnected}
	c := &wire.Call{ID: "call", State: states[r.IntN(len(states))], Agent: "a0"}
	if c.State == wire.CallWaiting {
		c.Agent = ""
	}
	if r.IntN(3) == 0 {
		c.HeldSince = &time.Time{}
	}
	roles := []gateway.LegRole{gateway.RoleConsult, gateway.RoleGuest, gateway.RoleListen, gateway.RoleWhisper, gateway.RoleBarge}
	for i := range r.IntN(7) {
		l := wire.CallLeg{ID: gateway.LegID(fmt.Sprint("l", i)), Role: roles[r.IntN(len(roles))]}
		if r.IntN(4) > 0 {
			l.Agent = gateway.AgentID(fmt.Sprint("a", i+1))
		}
		c.Legs = append(c.Legs, l)
	}
	return c
}

// TestNobodyHearsWhatTheyMustNot holds the table against what is promised, said a second time: by pairs.
func TestNobodyHearsWhatTheyMustNot(t *testing.T) {
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 1))
		c, up := anyCall(r), r.IntN(2) == 0
		got := tableOf(c, up)
		hears := func(who media.Side, what media.Source) bool { return slices.Contains(got[who], what) }
		fail := func(format string, args ...any) {
			t.Fatalf("seed %d: %s\n%+v, holder up %v\n%v", seed, fmt.Sprintf(format, args...), c, up, got)
		}
		held := c.HeldSince != nil || slices.ContainsFunc(c.Legs, func(l wire.CallLeg) bool { return l.Role == gateway.RoleConsult })
		waits := c.State == wire.CallWaiting || c.State == wire.CallAnswered && !up
		if held || waits {
			if !slices.Equal(got[media.Customer], []media.Source{media.Music}) {
				fail("the customer hears %v, want music alone", got[media.Customer])
			}
		} else if hears(media.Customer, media.Music) {
			fail("the customer hears music while somebody talks with them")
		}
		for who, sources := range got {
			if slices.Contains(sources, media.From(who)) || len(sources) > media.MaxHeard {
				fail("%s hears %v", who, sources)
			}
			if (held || waits) && who != media.Customer && hears(who, media.From(media.Customer)) {
				fail("%s hears a customer who hears music", who)
			}
		}
		for _, l := range c.Legs {
			s := media.From(side(l.Agent))
			quiet := l.Role == gateway.RoleConsult || l.Role == gateway.RoleListen || l.Role == gateway.RoleWhisper
			if l.Agent != "" && quiet && hears(media.Customer, s) {
				fail("the customer hears %s, who is there to %s", l.Agent, l.Role)
			}
			if l.Agent == "" && got[side("")] != nil {
				fail("an invitation has ears")
			}
			listens := l.Agent != "" && l.Role == gateway.RoleListen
			for who := range got {
				if listens && hears(who, s) {
					fail("%s hears a listener", who)
				}
			}
			if l.Role == gateway.RoleConsult && l.Agent != "" && hears(side(l.Agent), media.From(media.Customer)) {
				fail("who is consulted hears the customer")
			}
			if c.Agent != "" && l.Agent != "" && l.Role == gateway.RoleWhisper && !hears(side(c.Agent), s) {
				fail("the agent does not hear the whisper")
			}
			if l.Agent != "" && l.Role == gateway.RoleGuest && c.State == wire.CallConnected && !held &&
				(!hears(media.Customer, s) || !hears(side(l.Agent), media.From(media.Customer)) || !hears(side(c.Agent), s)) {
				fail("a guest does not talk with all")
			}
		}
	}
}
