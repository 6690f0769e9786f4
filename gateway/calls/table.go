package calls

import (
	"slices"
	"strings"

	"backline/gateway"
	"backline/gateway/media"
	"backline/gateway/wire"
)

// side is the line of an agent. It is named by the agent, not by what they are in the call, so that who is
// consulted becomes its holder on the line they have.
func side(a gateway.AgentID) media.Side { return media.Side("agent/" + a) }

// agentOf is the reverse of side; "" for the customer's.
func agentOf(s media.Side) gateway.AgentID {
	a, _ := strings.CutPrefix(string(s), "agent/")
	if len(a) == len(s) {
		return ""
	}
	return gateway.AgentID(a)
}

// Who hears whom:
//
//	               hears the customer    heard by the customer    hears agents   heard by agents
//	holder, guest  yes, unless on hold   yes, unless on hold      yes            yes
//	consult        no                    no                       yes            yes
//	listen         yes, unless on hold   no                       yes            no
//	whisper        yes, unless on hold   no                       yes            yes
//	barge          yes, unless on hold   yes, unless on hold      yes            yes
//
// A consultation is a hold. The customer who waits or is on hold hears music and is heard by nobody; who is
// asked in and has not come is no side.

// table is what each side hears now. Every step asks that of all calls, and few have changed.
func (c *call) table() media.Table {
	if up := c.holderLeg().up(); c.hears == nil || c.holderUp != up {
		c.hears, c.holderUp = tableOf(&c.is, up), up
	}
	return c.hears
}

// tableOf is what each side of a call hears. holderUp: who holds it has a line.
func tableOf(c *wire.Call, holderUp bool) media.Table {
	t := media.Table{}
	waits := c.State == wire.CallWaiting || c.State == wire.CallAnswered && !holderUp
	apart := waits || c.HeldSince != nil || c.Consult() != nil
	if apart {
		t[media.Customer] = []media.Source{media.Music}
	}
	if c.Agent == "" || c.State == wire.CallWaiting {
		return t
	}
	people := peopleOf(c)
	for _, p := range people {
		if !apart && p.role != role(gateway.RoleConsult) {
			t[p.side] = append(t[p.side], media.From(media.Customer))
		}
		for _, other := range people {
			if other.side != p.side && other.role != role(gateway.RoleListen) {
				t[p.side] = append(t[p.side], media.From(other.side))
			}
		}
		if !apart && p.role.talks() {
			t[media.Customer] = append(t[media.Customer], media.From(p.side))
		}
	}
	return t
}

// person is an agent's side of a call.
type person struct {
	side media.Side
	role role
}

type role gateway.LegRole

const holder role = "" // no leg is needed for it

// talks reports whether the customer hears this role, and it them, as one of those who talk.
func (r role) talks() bool {
	return r == holder || r == role(gateway.RoleGuest) || r == role(gateway.RoleBarge)
}

// peopleOf lists the agents of a call, who holds it first: a page that has not room for all hears the first.
func peopleOf(c *wire.Call) []person {
	people := []person{{side(c.Agent), holder}}
	for _, l := range c.Legs {
		if l.Agent != "" && l.Agent != c.Agent {
			people = append(people, person{side(l.Agent), role(l.Role)})
		}
	}
	return people
}

func equal(a, b media.Table) bool {
	if len(a) != len(b) {
		return false
	}
	for s, hears := range a {
		if other, ok := b[s]; !ok || !slices.Equal(hears, other) {
			return false
		}
	}
	return true
}
