package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"backline/channels"
	"backline/gateway"
	"backline/gateway/access"
	"backline/gateway/calls"
	"backline/gateway/config"
	"backline/gateway/files"
	"backline/gateway/history"
	"backline/gateway/httpx"
	"backline/gateway/hub"
	"backline/gateway/journal"
	"backline/gateway/lease"
	"backline/gateway/links"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/meet"
	"backline/gateway/meet/sfu"
	"backline/gateway/oneport"
	"backline/gateway/outbox"
	"backline/gateway/pathcheck"
	"backline/gateway/profiles"
	"backline/gateway/quality"
	"backline/gateway/recording"
	"backline/gateway/router"
	"backline/gateway/wire"
	"backline/webclient/serve"
)

// App is one running gateway, wired. Open builds it, Run runs it and closes what Open opened.
type App struct {
	config     *config.Config
	log        *slog.Logger
	journal    *store
	lease      *lease.Lease // nil: there is no other node
	history    *history.Store
	files      *files.Store
	fetcher    *files.Fetcher
	media      *http.Client // for addresses that strangers chose
	access     *access.Store
	links      *links.Store
	live       *live.Live
	outbox     *outbox.Outbox
	profiles   *profiles.Lookup
	hub        *hub.Hub
	engine     *media.Engine        // nil: no calls
	calls      *calls.Desk          // nil: no calls
	music      *holdMusic           // nil: no calls
	relay      *relay               // nil: no TURN
	certs      *oneport.Certificate // nil: no TLS of our own
	meter      *quality.Meter       // nil: no calls
	lines      quality.Report
	checks     *pathcheck.Checks // nil: no calls
	sfu        *sfu.SFU          // nil: no meetings
	meetings   *meet.Desk        // nil: no meetings
	recordings *recording.Store
	notices    map[string][]byte // clips that announce a recording; nil where nothing is recorded
	courtesies *courtesies
	channels   map[string]channels.Channel
	metrics    *metrics
	pages      *serve.Handler
	handler    http.Handler
	keysWanted chan struct{}                                      // capacity 1, never closed
	visitors   func(context.Context, func(gateway.Identity) bool) // ends the visitors' sockets
	served     bool                                               // AppOptions.Served
	anew       bool                                               // AppOptions.Anew
	past       past                                               // of the history, where nobody could say at the start whether it is the journal's
	wired      atomic.Bool                                        // all of the above is set
	out        io.Writer                                          // the operator's terminal; nil: nobody looks
}

// AppOptions is what a configuration does not say. Out is the operator's terminal, nil where nobody looks;
// the rest only the demo sets.
type AppOptions struct {
	Out        io.Writer
	DemoAgents []gateway.AgentID
	AllowHosts []string // stand-ins on loopback that media may be fetched from
	// Served: an App of this process was there before, and began anew.
	Served bool
	// Anew: the journal has lost what was read from it, so what was made of it is thrown away.
	Anew bool
	// Media opens the sockets of calls; nil: they are bound here.
	Media func(listen string) (*media.Bound, error)
}

// Open opens the data folder and wires everything. It starts nothing.
func Open(ctx context.Context, c *config.Config, log *slog.Logger, o AppOptions) (*App, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	a := &App{config: c, log: log, metrics: newMetrics(), courtesies: newCourtesies(), keysWanted: make(chan struct{}, 1), out: o.Out, served: o.Served, anew: o.Anew}
	var err error
	if a.journal, err = openStore(ctx, c, log, a.sharedChanged, a.leads); err != nil {
		return nil, err
	}
	if err := a.wire(ctx, o); err != nil {
		return nil, errors.Join(err, a.unbind(), a.close())
	}
	return a, nil
}

// unbind frees the sockets of what will never run.
func (a *App) unbind() error {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	var err error
	if a.relay != nil {
		err = a.relay.server.Run(over)
	}
	if a.engine != nil {
		err = errors.Join(err, a.engine.Run(over))
	}
	return err
}

func (a *App) wire(ctx context.Context, o AppOptions) error {
	c := a.config
	var err error
	if err := a.openHistory(ctx, o.Anew); err != nil {
		return fmt.Errorf("open history: %w", err)
	}
	if a.files, err = files.Open(filepath.Join(c.Data, "files"), nil); err != nil {
		return fmt.Errorf("open files: %w", err)
	}
	a.openLease()
	a.access = access.New(access.Options{Journal: a.journal, Log: a.log, PublicURL: c.PublicURL, DemoAgents: o.DemoAgents, SetupQueues: queueIDs(c), CatchUp: a.catchUp()})
	if a.links, err = openLinks(c, a.journal, a.access, a.log); err != nil {
		return err
	}
	a.joinKeys()
	a.recordings = recording.New(recording.Options{Dir: filepath.Join(c.Data, "recordings"), Append: a.journal.Append, Keep: c.Calls.Recording.Keep, Shared: a.journal.bus != nil, Log: a.log})
	if err := a.openCalls(o.Media); err != nil {
		return err
	}
	if err := a.openRelay(); err != nil {
		return err
	}
	a.openChecks()
	if err := a.openMeetings(); err != nil {
		return err
	}
	all, err := openChannels(a)
	if err != nil {
		return err
	}
	a.channels = all.byName
	a.media = httpx.SafeClient(httpx.ClientOptions{AllowHosts: o.AllowHosts})
	a.fetcher = files.NewFetcher(files.FetcherOptions{Store: a.files, Append: a.journal.Append, Log: a.log, Prepare: all.prepare(), Client: a.media})
	a.profiles = profiles.New(profiles.Options{Profilers: all.profilers(), Sink: all.feed, Picture: a.copyPicture, Log: a.log})
	// The outbox and the live state know each other: the one observes, the other answers questions.
	lookup := &threads{}
	a.outbox = outbox.New(outbox.Options{Append: a.appendAttempt, Channels: all.byName, Threads: lookup, FileURL: a.fileURL, Log: a.log})
	queues, err := routerQueues(c)
	if err != nil {
		return err
	}
	alert, err := a.emergencyOptions()
	if err != nil {
		return err
	}
	a.live = live.New(live.Options{Journal: a.journal, History: a.history, Queues: queues, Entries: entries(c), Log: a.log,
		Bus: a.journal.bus, Lead: a.leading(), Anew: o.Anew, Raw: []func(journal.Event){a.applyLease, a.applyAccess, a.applyLinks, a.applyLines, a.applyRecordings}, Observers: []live.Observer{a.outbox, a.fetcher, a.profiles},
		Windows: windows(), Emergency: alert, EntryOf: a.entryOf, Calls: a.liveCalls(), Meetings: a.liveMeetings(), Supervision: c.Calls.Supervision, Recording: a.recordingRules(), Ready: a.ready})
	lookup.live = a.live
	if a.calls != nil {
		a.calls.Use(a.live)
		a.meetings.Use(a.live)
		a.meter = a.openMeter()
	}
	all.feed.Live = a.live
	a.visitors = all.livechat.Close
	a.hub = hub.New(hub.Options{Live: a.live, Who: a.who, Origin: a.sameOrigin, Files: a.file, Typing: a.courtesies.later(all.typing), Seen: a.courtesies.later(all.seen), Calls: a.hubCalls(), Meetings: a.hubMeetings(), Relays: a.callRelays,
		Company: a.company(), Replies: replies(c), Build: build(), Log: a.log})
	a.metrics.watch(a)
	a.wired.Store(true)
	if a.journal.spool != nil {
		a.sharedChanged(a.journal.spool.State())
	}
	a.handler, err = a.routes(all)
	return err
}

// openHistory opens the history. One that belongs to another past than the journal's is built anew: the journal is the
// truth, but somebody must hear of it.
func (a *App) openHistory(ctx context.Context, anew bool) error {
	path := filepath.Join(a.config.Data, "history.db")
	var err error
	if anew {
		a.history, err = history.OpenAnew(ctx, path)
		return err
	}
	if a.history, err = history.Open(ctx, path); err != nil {
		return err
	}
	read, err := a.lastRead(ctx)
	if err != nil {
		return err
	}
	same, err := a.samePast(ctx, read)
	switch {
	case errors.Is(err, journal.ErrUnreachable):
		a.past = read
		return nil
	case err != nil || same:
		return err
	}
	if err := a.history.Close(); err != nil {
		return err
	}
	a.history, err = history.OpenAnew(ctx, path)
	return err
}

// past is the last event that a history has read, and its sum; the zero value: none.
type past struct{ pos, sum uint64 }

func (a *App) lastRead(ctx context.Context) (p past, err error) {
	p.pos, p.sum, err = a.history.Last(ctx)
	return p, err
}

// confirmPast asks again, once the journal has been read, when that could not be reached at the start.
func (a *App) confirmPast(ctx context.Context) error {
	select {
	case <-a.live.Replayed():
	case <-ctx.Done():
		return nil
	}
	for {
		same, err := a.samePast(ctx, a.past)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && !same:
			return fmt.Errorf("%w while this node was away", journal.ErrForked)
		case !errors.Is(err, journal.ErrUnreachable):
			return err
		case !sleep(ctx, settleAgain):
			return nil
		}
	}
}

// samePast reports whether what a history has read is in the journal.
func (a *App) samePast(ctx context.Context, p past) (bool, error) {
	pos, sum := p.pos, p.sum
	if pos == 0 {
		return true, nil
	}
	trimmed, head, err := a.journal.Bounds(ctx)
	switch {
	case err != nil:
		return false, err
	case pos > head:
		a.log.Error("the history has seen positions that the journal does not have: the journal lost its end, or an older copy was put in its place; the history is built anew",
			"history", pos, "journal", head)
		return false, nil
	case pos <= trimmed || sum == 0:
		return true, nil
	}
	events, err := a.journal.Read(ctx, pos-1, 1, 0)
	if err != nil || len(events) == 0 || events[0].Sum() == sum {
		return err == nil, err
	}
	a.log.Error("the history has seen another event than the journal holds there: the journal lost its end and has grown again, or another one was put in its place; the history is built anew",
		"position", pos)
	return false, nil
}

// threads breaks the circle between outbox and live; set once, before anything runs.
type threads struct{ live *live.Live }

func (t *threads) Thread(id gateway.ThreadID) (time.Time, bool, bool) { return t.live.Thread(id) }

func (a *App) applyAccess(e journal.Event) {
	if err := a.access.Apply(e); err != nil {
		a.log.Error("access record not understood", "pos", e.Pos, "type", e.Type, "err", err)
		return
	}
	if e.Type != (gateway.SessionClosed{}).EventType() {
		return
	}
	if closed, err := gateway.DecodeEvent(e.Type, e.Data); err == nil {
		a.hub.DropSession(closed.(gateway.SessionClosed).Hash)
	}
}

func (a *App) applyLinks(e journal.Event) {
	if err := a.links.Apply(e); err != nil {
		a.log.Error("link record not understood", "pos", e.Pos, "type", e.Type, "err", err)
	}
}

func (a *App) ready() {
	a.links.Replayed()
	a.recordings.Replayed()
	if a.lease != nil {
		a.lease.Replayed()
	} else {
		a.lead()
	}
	a.log.Info("ready", "listen", a.config.Listen, "public_url", a.config.PublicURL, "events", a.live.Head())
}

func (a *App) who(r *http.Request) (hub.Caller, bool) {
	p, ok := a.access.Identify(r)
	return hub.Caller{Agent: p.Agent, Session: p.Session}, ok && p.Agent != ""
}

// sameOrigin refuses consoles in other websites' pages. A client without Origin is no browser.
func (a *App) sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin == "" || origin == strings.TrimSuffix(a.config.PublicURL, "/") || origin == "http://"+r.Host && isLoopback(r.Host)
}

func isLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

func (a *App) company() wire.Company {
	return wire.Company{Name: a.config.Company.Name, Language: a.config.Company.Language, Color: a.config.Company.Color, CallBack: a.waysBack()}
}

// reach is how somebody is reached by text message or mail: from the first of our numbers, from mail.from.
func (a *App) reach(way, to string) (gateway.Identity, error) {
	switch numbers := a.accounts(gateway.ChannelSMS); {
	case way == "sms" && len(numbers) > 0 && len(a.config.SMS.Providers) > 0:
		return gateway.Identity{Channel: gateway.ChannelSMS, Account: numbers[0], Remote: to}, nil
	case way == "email" && a.config.Mail.SMTP != "":
		return gateway.Identity{Channel: gateway.ChannelEmail, Account: a.config.Mail.From, Remote: to}, nil
	}
	return gateway.Identity{}, &gateway.Error{Kind: gateway.Invalid, Field: "way", Msg: "this way to customers is not set up here: see sms and mail in the configuration"}
}

// waysBack are the ways in which customers can be called back here.
func (a *App) waysBack() []string {
	var ways []string
	if a.calls == nil {
		return nil // a link to talk needs calls
	}
	for _, way := range []string{"sms", "email"} {
		if _, err := a.reach(way, ""); err == nil {
			ways = append(ways, way)
		}
	}
	return append(ways, "page")
}

// copyPicture copies a person's picture from a network.
func (a *App) copyPicture(ctx context.Context, address string) (gateway.FileID, error) {
	m, err := a.files.Fetch(ctx, address, nil, a.media)
	if err == nil && m.Kind != "image" {
		err = fmt.Errorf("a picture of type %s", m.ContentType)
	}
	return m.ID, err
}

// file looks up an upload.
func (a *App) file(_ context.Context, id gateway.FileID) (gateway.Attachment, error) {
	m, err := a.files.Get(id)
	return m.Attachment(), err
}

// saveFile stores an agent's or a visitor's upload.
func (a *App) saveFile(ctx context.Context, name, contentType string, r io.Reader) (gateway.Attachment, error) {
	m, err := a.files.Save(ctx, name, contentType, r, int64(a.config.Limits.UploadBytes))
	return m.Attachment(), err
}

// voice keeps voice messages that come in pieces.
type voice struct{ *files.Store }

func (v voice) Finish(ctx context.Context, key, name, contentType string, size int64) (gateway.Attachment, error) {
	m, err := v.Store.Finish(ctx, key, name, contentType, "audio", size)
	return m.Attachment(), err
}

// fileURL is where a provider fetches a file that an agent sends.
func (a *App) fileURL(att gateway.Attachment) channels.OutboundFile {
	f := channels.OutboundFile{URL: att.URL, Kind: att.Kind, Name: att.Name, ContentType: att.ContentType, SizeBytes: att.SizeBytes}
	if att.File != "" {
		f.URL = strings.TrimSuffix(a.config.PublicURL, "/") + "/files/" + string(att.File) + "/" + url.PathEscape(att.Name)
	}
	return f
}

// settle does once, after replay, what the configuration asks of the journal. It waits for a journal that
// cannot be written now: a gateway that starts on a full disk still shows what it has.
func (a *App) settle(ctx context.Context) error {
	select {
	case <-a.live.Replayed():
	case <-ctx.Done():
		return nil
	}
	for _, do := range []func(context.Context) error{a.saveConfiguredAgents, a.offerSetup} {
		for {
			err := do(ctx)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return nil
			}
			if e, ok := errors.AsType[*gateway.Error](err); !ok || e.Kind != gateway.Unavailable {
				return err
			}
			a.log.Error("what the configuration asks for is not written yet; trying again", "err", err)
			select {
			case <-time.After(settleAgain):
			case <-ctx.Done():
				return nil
			}
		}
	}
	return nil
}

// settleAgain is the pause between two tries of settle.
const settleAgain = 2 * time.Second

// ticks sends the queues' figures to consoles and widgets.
func (a *App) ticks(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			a.live.TellQueues()
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *App) close() error {
	var errs []error
	if a.history != nil {
		errs = append(errs, a.history.Close())
	}
	if a.journal != nil {
		errs = append(errs, a.journal.Close())
	}
	return errors.Join(errs...)
}

// saveConfiguredAgents brings the agents of the file into the journal; passwords stay.
func (a *App) saveConfiguredAgents(ctx context.Context) error {
	for _, want := range a.config.Agents {
		saved := access.Agent{ID: want.ID, Name: want.Name, Queues: want.Queues, Role: want.Role,
			CallCapacity: want.Capacity.Call, TextCapacity: want.Capacity.Text}
		if err := a.access.SaveAgent(ctx, saved); err != nil {
			return fmt.Errorf("agent %s: %w", want.ID, err)
		}
	}
	return nil
}

func queueIDs(c *config.Config) []gateway.QueueID {
	var out []gateway.QueueID
	for _, q := range c.Queues {
		out = append(out, q.ID)
	}
	return out
}

func routerQueues(c *config.Config) ([]router.Queue, error) {
	var out []router.Queue
	for _, q := range c.Queues {
		hours, err := q.Hours.Router()
		if err != nil {
			return nil, fmt.Errorf("hours of queue %s: %w", q.ID, err)
		}
		r := router.Queue{ID: q.ID, Name: q.Name, RingTime: q.Ring, WrapUp: q.WrapUp, Overflow: q.Overflow, OverflowAfter: q.OverflowAfter,
			Strategy: router.Strategy(q.Strategy), Hours: hours, Priority: q.Priority}
		if q.WrapUp == 0 {
			r.WrapUp = router.NoWrapUp
		}
		out = append(out, r)
	}
	return out, nil
}

func entries(c *config.Config) []live.Entry {
	var out []live.Entry
	for _, e := range c.Entries {
		out = append(out, live.Entry{Name: e.Channel + "/" + e.Account(), Channel: e.Channel, Account: e.Account(), To: e.To, Queue: e.Queue})
	}
	return out
}

func replies(c *config.Config) []wire.Reply {
	out := []wire.Reply{}
	for _, r := range c.Replies {
		out = append(out, wire.Reply{ID: r.ID, Title: r.Title, Text: r.Text, Language: r.Language})
	}
	return out
}
