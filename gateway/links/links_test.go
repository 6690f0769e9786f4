package links_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"backline/gateway"
	"backline/gateway/journal"
	"backline/gateway/journal/memory"
	"backline/gateway/links"
)

// desk is a store with its journal and key ring.
type desk struct {
	*links.Store
	t       *testing.T
	journal *memory.Journal
	ring    string
}

func open(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, journal: memory.New(), ring: filepath.Join(t.TempDir(), "links.key")}
	d.restart()
	return d
}

// restart folds the journal into a new store.
func (d *desk) restart() {
	d.t.Helper()
	d.Store = d.begin()
	d.tail()
	d.Replayed()
}

func (d *desk) begin() *links.Store {
	d.t.Helper()
	ring, err := links.OpenRing(d.ring)
	if err != nil {
		d.t.Fatal(err)
	}
	return links.New(links.Options{Journal: d.journal, Ring: ring, PublicURL: "https://gw.example.org/", TriesPerHour: 3,
		Known: func(to gateway.Target) bool { return to != "queue/nowhere" }})
}

// tail brings every event (again).
func (d *desk) tail() {
	d.t.Helper()
	for _, e := range d.events() {
		if err := d.Apply(e); err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *desk) events() []journal.Event {
	d.t.Helper()
	all, err := d.journal.Read(d.t.Context(), 0, 1<<20, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

func (d *desk) create(p links.Spec) links.Link {
	d.t.Helper()
	if p.To == "" {
		p.To = "queue/main"
	}
	l, err := d.Create(d.t.Context(), p)
	if err != nil {
		d.t.Fatal(err)
	}
	return l
}

func (d *desk) resolves(l links.Link, want error) {
	d.t.Helper()
	if _, err := d.Resolve(d.Token(l), time.Now()); !errors.Is(err, want) {
		d.t.Errorf("resolving gave %v, want %v", err, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestALinkSaysWhoCallsWhomAboutWhatUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		p := links.Spec{To: "agent/jana", Subject: " Delivery 48 211 ", Language: "de-at", TTL: time.Hour, By: "emil",
			Contact: gateway.LinkContact{Name: "Henrik Kolbe", Email: "h.kolbe@example.org", Phone: "+1 202 555 0143"}}
		l := d.create(p)
		got, err := d.Resolve(d.Token(l), time.Now())
		must(t, err)
		want := links.Link{ID: l.ID, To: "agent/jana", Subject: "Delivery 48 211", Language: "de-AT", By: "emil", Key: 1, Pos: l.Pos,
			Contact:   gateway.LinkContact{Name: "Henrik Kolbe", Email: "h.kolbe@example.org", Phone: "+12025550143"},
			CreatedAt: time.Now().UTC(), ExpiresAt: time.Now().UTC().Add(time.Hour)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the link differs (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour - time.Second)
		d.resolves(l, nil)
		time.Sleep(time.Second)
		d.resolves(l, links.ErrExpired)
		time.Sleep(time.Hour)
		d.create(links.Spec{})
		if n := d.Len(); n != 1 {
			t.Errorf("%d links in memory, want the one that lives", n)
		}
		d.resolves(l, links.ErrExpired) // forgotten, and still known as one of ours
		d.restart()
		d.resolves(l, links.ErrExpired)
	})
}

func TestAnAddressIsShort(t *testing.T) {
	d := open(t)
	u := d.URL(d.create(links.Spec{}))
	if !strings.HasPrefix(u, "https://gw.example.org/talk/") || len(u) > 120-40 {
		t.Errorf("%q has %d characters", u, len(u))
	}
	if _, err := d.Resolve(strings.ToUpper(u[len(u)-links.TokenLength:]), time.Now()); err != nil {
		t.Errorf("in capital letters, as a QR code has it: %v", err)
	}
}

func TestWhatWeDidNotSignIsUnknown(t *testing.T) {
	d, other := open(t), open(t)
	good := d.Token(d.create(links.Spec{}))
	for i := range good {
		b := []byte(good)
		if b[i]++; b[i] == 'z'+1 || b[i] == '8' {
			b[i] = 'a'
		}
		if _, err := d.Resolve(string(b), time.Now()); err != links.ErrUnknown {
			t.Errorf("character %d changed: %v", i, err)
		}
	}
	for _, bad := range []string{"", good[1:], good + "a", good[:47] + "1", strings.Repeat("a", 48), strings.Repeat("ä", 24), other.Token(other.create(links.Spec{}))} {
		if _, err := d.Resolve(bad, time.Now()); err != links.ErrUnknown {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestOpeningALinkUsesNothingUp(t *testing.T) {
	d := open(t)
	l := d.create(links.Spec{})
	before := len(d.events())
	for range 1000 {
		d.resolves(l, nil)
	}
	if after := len(d.events()); after != before {
		t.Errorf("opening wrote %d events", after-before)
	}
	must(t, d.Allow(l.ID, "call", time.Now()))
}

func TestRevokedLinksStaySo(t *testing.T) {
	d := open(t)
	one, kept := d.create(links.Spec{}), d.create(links.Spec{})
	mailed, err := d.Mint(t.Context(), []links.Spec{{To: "queue/main", Campaign: "may", Key: "may/a"}, {To: "queue/main", Campaign: "may", Key: "may/b"}})
	must(t, err)
	must(t, d.Revoke(t.Context(), one.ID, "jana"))
	must(t, d.Revoke(t.Context(), one.ID, "jana"))
	must(t, d.RevokeCampaign(t.Context(), "may", "jana"))
	must(t, d.RevokeCampaign(t.Context(), "may", "jana"))
	check := func() {
		t.Helper()
		d.resolves(one, links.ErrRevoked)
		d.resolves(mailed[0], links.ErrRevoked)
		d.resolves(mailed[1], links.ErrRevoked)
		d.resolves(kept, nil)
		if err := d.Allow(one.ID, "x", time.Now()); err != links.ErrRevoked {
			t.Errorf("a call with a revoked link: %v", err)
		}
	}
	check()
	d.tail() // the events come again
	check()
	d.restart()
	check()
	if n := len(d.events()); n != 6 {
		t.Errorf("%d events, want 4 links and 2 revocations", n)
	}
	_, err = d.Mint(t.Context(), []links.Spec{{To: "queue/main", Campaign: "may", Key: "may/c"}})
	if e, ok := errors.AsType[*gateway.Error](err); !ok || e.Kind != gateway.Conflicting {
		t.Errorf("a revoked campaign goes on: %v", err)
	}
	for _, err := range []error{d.Revoke(t.Context(), "l0", "jana"), d.RevokeCampaign(t.Context(), "june", "jana"), d.RevokeKey(t.Context(), 7, "jana")} {
		if e, ok := errors.AsType[*gateway.Error](err); !ok || e.Kind != gateway.NotFound {
			t.Errorf("revoking what is not there: %v", err)
		}
	}
}

func TestARotatedKeyKeepsOldLinksAndARevokedOneEndsThem(t *testing.T) {
	d := open(t)
	old := d.create(links.Spec{})
	n, err := d.RotateKey()
	must(t, err)
	fresh := d.create(links.Spec{})
	if n != 2 || fresh.Key != 2 || old.Key != 1 {
		t.Errorf("keys %d, %d after rotation to %d", old.Key, fresh.Key, n)
	}
	d.resolves(old, nil)
	d.restart()
	d.resolves(old, nil)
	d.resolves(fresh, nil)
	must(t, d.RevokeKey(t.Context(), 1, "jana"))
	d.restart()
	d.resolves(old, links.ErrRevoked)
	d.resolves(fresh, nil)
	must(t, d.RevokeKey(t.Context(), 2, "jana"))
	d.resolves(fresh, links.ErrRevoked)
	d.resolves(d.create(links.Spec{}), nil) // a third key took its place
}

func TestAKnownKeyDoesNotSignOthersLinks(t *testing.T) {
	d := open(t)
	old := d.create(links.Spec{})
	_, err := d.RotateKey()
	must(t, err)
	fresh := d.create(links.Spec{})
	stolen := fresh
	stolen.Key = old.Key // signed with the first key, as its thief could
	if _, err := d.Resolve(d.Token(stolen), time.Now()); err != links.ErrUnknown {
		t.Errorf("resolved: %v", err)
	}
}

func TestTheSameKeyIsTheSameLink(t *testing.T) {
	d := open(t)
	var wg sync.WaitGroup
	ids := make([]gateway.LinkID, 8)
	for i := range ids {
		wg.Go(func() {
			l, err := d.Create(t.Context(), links.Spec{To: "queue/main", Key: "may/a@example.org"})
			if err != nil {
				t.Error(err)
			}
			ids[i] = l.ID
		})
	}
	wg.Wait()
	d.restart()
	again := d.create(links.Spec{Key: "may/a@example.org"})
	for _, got := range ids {
		if got != again.ID {
			t.Errorf("ids %v and %v", got, again.ID)
		}
	}
	if n := len(d.events()); n != 1 {
		t.Errorf("%d links were made", n)
	}
	twice, err := d.Mint(t.Context(), []links.Spec{{To: "queue/main", Key: "x"}, {To: "queue/main", Key: "x"}})
	if err != nil || twice[0].ID != twice[1].ID || len(d.events()) != 2 {
		t.Errorf("one key twice in a batch: %v, %v", twice, err)
	}
}

func TestAKeyMakesAnotherLinkWhenTheFirstHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		first := d.create(links.Spec{Key: "k", TTL: time.Hour})
		time.Sleep(2 * time.Hour)
		second := d.create(links.Spec{Key: "k", TTL: time.Hour})
		if !second.ExpiresAt.After(first.ExpiresAt) {
			t.Error("the expired link came back")
		}
		d.resolves(second, nil)
		d.restart()
		d.resolves(second, nil)
	})
}

func TestThePublicLinkIsMadeOnceAndFoundAgain(t *testing.T) {
	d := open(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := d.Public(t.Context(), "queue/main", "jana"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	first, err := d.Public(t.Context(), "queue/main", "jana")
	must(t, err)
	d.restart()
	again, err := d.Public(t.Context(), "queue/main", "emil")
	if err != nil || again.ID != first.ID || len(d.events()) != 1 {
		t.Errorf("%v then %v (%v), %d events", first.ID, again.ID, err, len(d.events()))
	}
	other, err := d.Public(t.Context(), "agent/jana", "")
	if err != nil || other.ID == first.ID {
		t.Errorf("another target: %v, %v", other, err)
	}
	for i := range 50 { // a whole town calls with it
		must(t, d.Allow(first.ID, gateway.CallID(rune('a'+i)), time.Now()))
	}
	must(t, d.Revoke(t.Context(), first.ID, "jana"))
	next, err := d.Public(t.Context(), "queue/main", "jana")
	if err != nil || next.ID == first.ID {
		t.Errorf("after revocation: %v, %v", next.ID, err)
	}
}

func TestOneCallAtATimeAndAFewAnHour(t *testing.T) {
	d := open(t)
	l, now := d.create(links.Spec{}), time.Now()
	must(t, d.Allow(l.ID, "a", now))
	must(t, d.Allow(l.ID, "a", now)) // the same page again
	busy := func() {
		t.Helper()
		e, ok := errors.AsType[*links.TooManyError](d.Allow(l.ID, "b", now))
		if !ok || e.RetryAfter != 0 {
			t.Errorf("a second call beside the first: %v", e)
		}
	}
	busy()
	d.Done(l.ID, "other")
	busy()
	d.Done(l.ID, "a")
	for _, call := range []gateway.CallID{"b", "c"} {
		must(t, d.Allow(l.ID, call, now.Add(10*time.Minute)))
		d.Done(l.ID, call)
	}
	e, ok := errors.AsType[*links.TooManyError](d.Allow(l.ID, "d", now.Add(20*time.Minute)))
	if !ok || e.RetryAfter != 40*time.Minute {
		t.Fatalf("the fourth try in an hour: %v", e)
	}
	if g, ok := errors.AsType[*gateway.Error](error(e)); !ok || g.Kind != gateway.TooMany || !strings.Contains(g.Msg, "40 minutes") {
		t.Errorf("it reads %v", g)
	}
	must(t, d.Allow(l.ID, "d", now.Add(time.Hour)))
	must(t, d.Allow(l.ID, "e", now.Add(14*time.Hour))) // "d" was never ended
}

func TestBadLinksAreRefusedByField(t *testing.T) {
	d := open(t)
	for field, p := range map[string]links.Spec{
		"to":            {To: "queue/nowhere"},
		"ttl":           {TTL: time.Second},
		"campaign":      {Campaign: "Spring Mail"},
		"subject":       {Subject: strings.Repeat("ä", links.MaxSubject+1)},
		"contact.name":  {Contact: gateway.LinkContact{Name: "Anna\r\nBcc: all@example.org"}},
		"contact.email": {Contact: gateway.LinkContact{Email: "Anna <anna@example.org>"}},
		"contact.phone": {Contact: gateway.LinkContact{Phone: "0301234567"}},
		"language":      {Language: "german!"},
		"key":           {Key: strings.Repeat("k", 513)},
	} {
		if p.To == "" {
			p.To = "queue/main"
		}
		_, err := d.Create(t.Context(), p)
		e, ok := errors.AsType[*gateway.Error](err)
		if !ok || e.Kind != gateway.Invalid || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	_, err := d.Mint(t.Context(), []links.Spec{{To: "queue/main"}, {To: "main"}})
	if e, ok := errors.AsType[*links.SpecError](err); !ok || e.Index != 1 {
		t.Errorf("the second is bad: %v", err)
	}
	if n := len(d.events()); n != 0 {
		t.Errorf("%d events were written", n)
	}
	d.create(links.Spec{Subject: strings.Repeat("ä", links.MaxSubject)})
}

func TestWhatCannotBeStoredIsNotGivenOut(t *testing.T) {
	d := open(t)
	l := d.create(links.Spec{})
	d.journal.FailWith(func(journal.Write) error { return journal.ErrFull })
	_, err := d.Create(t.Context(), links.Spec{To: "queue/main"})
	if e, ok := errors.AsType[*gateway.Error](err); !ok || e.Kind != gateway.Unavailable || d.Len() != 1 {
		t.Errorf("created: %v, %d links", err, d.Len())
	}
	if err := d.Revoke(t.Context(), l.ID, ""); err == nil {
		t.Error("revoked without a record")
	}
	d.resolves(l, nil)
}

func TestNothingIsSaidBeforeTheJournalIsRead(t *testing.T) {
	d := open(t)
	l := d.create(links.Spec{})
	starting := d.begin()
	_, resolving := starting.Resolve(d.Token(l), time.Now())
	_, creating := starting.Create(t.Context(), links.Spec{To: "queue/main"})
	_, public := starting.Public(t.Context(), "queue/main", "")
	for _, err := range []error{resolving, creating, public} {
		if e, ok := errors.AsType[*gateway.Error](err); !ok || e.Kind != gateway.Unavailable {
			t.Errorf("while starting: %v", err)
		}
	}
}

func TestListShowsTheNewestFirst(t *testing.T) {
	d := open(t)
	var made []gateway.LinkID
	for i := range 5 {
		p := links.Spec{}
		if i%2 == 0 {
			p.Campaign = "may"
		}
		made = append(made, d.create(p).ID)
	}
	d.restart()
	var got []gateway.LinkID
	for cursor := ""; ; {
		page, next, err := d.List(links.Filter{Cursor: cursor, Limit: 2})
		must(t, err)
		for _, l := range page {
			got = append([]gateway.LinkID{l.ID}, got...)
		}
		if cursor = next; next == "" {
			break
		}
	}
	if diff := cmp.Diff(made, got); diff != "" {
		t.Error(diff)
	}
	if page, _, err := d.List(links.Filter{Campaign: "may", Limit: 10}); err != nil || len(page) != 3 {
		t.Errorf("the campaign's links: %v, %v", page, err)
	}
	if _, _, err := d.List(links.Filter{Cursor: "!", Limit: 1}); err == nil {
		t.Error("a bad cursor was taken")
	}
}

func TestKeysAreTheirOwnersOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "links.key")
	_, err := links.OpenRing(path)
	must(t, err)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	must(t, os.WriteFile(path, []byte(`{"version":1}`), 0o600))
	if _, err := links.OpenRing(path); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestAWaitingMintGivesUpWithItsContext(t *testing.T) {
	d := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	started := make(chan struct{})
	d.journal.FailWith(func(journal.Write) error { close(started); <-release; return journal.ErrFull })
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = d.Create(t.Context(), links.Spec{To: "queue/main"}) }) // fails when released
	<-started
	cancel()
	if _, err := d.Create(ctx, links.Spec{To: "queue/main"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	wg.Wait()
}

func TestALinkToAMeetingLeadsToItsPageAndConversation(t *testing.T) {
	d := open(t)
	spec := links.Spec{Meet: true, As: &gateway.Identity{Channel: "sms", Account: "+1", Remote: "+2"}, Key: "meeting/c1"}
	l := d.create(spec)
	if again := d.create(spec); again.ID != l.ID {
		t.Error("the second invitation is another link")
	}
	d.restart()
	got, err := d.Resolve(d.Token(l), time.Now())
	if err != nil || !got.Meet || got.As == nil || got.As.Channel != "sms" {
		t.Errorf("got %+v, %v", got, err)
	}
	if want := "https://gw.example.org/meet/" + d.Token(l); d.URL(got) != want {
		t.Errorf("the address is %s, want %s", d.URL(got), want)
	}
}

// late is one of several nodes' journals whose order is not known when an append returns.
type late struct{ journal.Journal }

func (l late) Append(ctx context.Context, w journal.Write) (journal.Receipt, error) {
	r, err := l.Journal.Append(ctx, w)
	return journal.Receipt{Dup: r.Dup}, err
}

func TestALinkThatHasNoPlaceInTheJournalYetIsThere(t *testing.T) {
	d := open(t)
	before := d.create(links.Spec{})
	ring, err := links.OpenRing(d.ring)
	must(t, err)
	d.Store = links.New(links.Options{Journal: late{d.journal}, Ring: ring, PublicURL: "https://gw.example.org/", TriesPerHour: 3,
		Known: func(gateway.Target) bool { return true }})
	d.tail()
	d.Replayed()
	one, two := d.create(links.Spec{}), d.create(links.Spec{})
	d.resolves(one, nil)
	must(t, d.Revoke(t.Context(), two.ID, "jana"))
	d.resolves(two, links.ErrRevoked)
	listed := func() []gateway.LinkID {
		all, _, err := d.List(links.Filter{Limit: 10})
		must(t, err)
		var ids []gateway.LinkID
		for _, l := range all {
			ids = append(ids, l.ID)
		}
		return ids
	}
	want := []gateway.LinkID{two.ID, one.ID, before.ID}
	if diff := cmp.Diff(want, listed()); diff != "" {
		t.Error(diff)
	}
	d.tail() // the order comes
	if diff := cmp.Diff(want, listed()); diff != "" {
		t.Error(diff)
	}
	d.resolves(two, links.ErrRevoked)
	all, _, err := d.List(links.Filter{Limit: 10})
	must(t, err)
	if all[0].Pos != 3 || all[1].Pos != 2 {
		t.Errorf("places %d and %d, want 3 and 2", all[0].Pos, all[1].Pos)
	}
}
