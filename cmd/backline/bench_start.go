package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
	"backline/gateway/journal/redis"
	"backline/gateway/journal/sqlite"
	"backline/gateway/live"
)

// benchStart measures the start of a gateway on a journal with a past: a node whose data folder is empty, and the same
// node once more.
func (m *Main) benchStart(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("bench start", flag.ContinueOnError)
	records := fs.Int("records", 1_000_000, "records in the journal, of conversations that have ended but for the last 100")
	b := &bench{benchOptions: benchOptions{agent: "bench", page: "100000000000001", nodes: 1}, out: m.Stdout, secret: rand.Text(), password: rand.Text(),
		client: &http.Client{Timeout: 30 * time.Second}}
	fs.IntVar(&b.redis, "redis", 0, "redis-servers to start for the journal, as in bench; 0: the embedded store")
	fs.DurationVar(&b.keep, "keep", 0, "store.keep, 24h at least: two other gateways first put what is older on their disks; the records are a second apart. 0: all stay in Redis")
	if err := m.parse(fs, args); err != nil {
		return err
	}
	if b.keep != 0 && (b.keep < 24*time.Hour || b.redis == 0) {
		return usagef("want to keep 24h at least, and --redis")
	}
	if *records < 1 || b.redis < 0 || b.redis > 5 {
		return usagef("want at least one record, and 0 to 5 redis-servers")
	}
	fmt.Fprintf(m.Stdout, "backline %s, %s/%s, %d CPUs\n", build(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	return b.starts(ctx, *records)
}

// starts fills a journal and starts a gateway on it, twice.
func (b *bench) starts(ctx context.Context, records int) (err error) {
	dir, err := os.MkdirTemp("", "backline-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if b.redis > 0 {
		if b.shared, err = startRedis(ctx, dir, b.redis); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.shared.stop()) }()
	}
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	b.url = "http://" + addr
	text := b.configuration(addr, dir, 0)
	if b.shared == nil {
		text = append(text, "rtc: {media: none, turn: \"\"}\n"...)
	}
	if err := os.WriteFile(b.path(dir, 0), text, 0o600); err != nil {
		return err
	}
	head, err := b.fill(ctx, b.data(dir, 0), records)
	if err != nil {
		return err
	}
	if b.keep > 0 {
		others, err := b.archive(ctx, dir, head)
		defer func() {
			for _, c := range others {
				err = errors.Join(err, stop(c))
			}
		}()
		if err != nil {
			return err
		}
	}
	for _, what := range []string{"an empty history", "the history it has made"} {
		if err := b.startOnce(ctx, b.path(dir, 0), what, head); err != nil {
			return err
		}
	}
	return nil
}

// archive runs two gateways until Redis holds what is young and no more.
func (b *bench) archive(ctx context.Context, dir string, head journal.Pos) (running []*exec.Cmd, err error) {
	for i := 1; i <= 2; i++ {
		addr, err := freeAddress()
		if err != nil {
			return running, err
		}
		if err := os.WriteFile(b.path(dir, i), b.configuration(addr, dir, i), 0o600); err != nil {
			return running, err
		}
		c, _, err := b.start(ctx, b.path(dir, i), "http://"+addr)
		if err != nil {
			return running, err
		}
		running = append(running, c)
	}
	began, young := time.Now(), journal.Pos(b.keep/time.Second)+2*pastSegment
	for trimmed := journal.Pos(0); trimmed+young < head; time.Sleep(time.Second) {
		if trimmed, err = b.shared.trimmed(ctx); err != nil || time.Since(began) > 10*time.Minute {
			return running, errors.Join(err, fmt.Errorf("the journal on Redis is trimmed up to %d of %d", trimmed, head))
		}
	}
	return running, b.shared.tellMemory(ctx, b, head)
}

// pastSegment is how many records may be too few to leave Redis.
const pastSegment = 8192

// startOnce says when a gateway is ready and when its history has everything.
func (b *bench) startOnce(ctx context.Context, config, what string, head journal.Pos) (err error) {
	began := time.Now()
	child, took, err := b.start(ctx, config, b.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop(child)) }()
	untilReady := processorTime(child.Process.Pid)
	text, caughtUp := "", time.Duration(0)
	for pos := uint64(0); pos < head; {
		time.Sleep(20 * time.Millisecond)
		if text, err = b.metric(ctx, "backline_history_position"); err != nil {
			return err
		}
		at, err := strconv.ParseFloat(text, 64)
		if err != nil || time.Since(began) > 10*time.Minute {
			return fmt.Errorf("the history is at position %q and has to reach %d", text, head)
		}
		pos, caughtUp = uint64(at), time.Since(began)
	}
	worked := processorTime(child.Process.Pid)
	time.Sleep(settleTime)
	fmt.Fprintf(b.out, "start with %s, %d records: ready after %s and %s of processor time, history complete after %s and %s; memory at most %s, later %s\n", what, head,
		took.Round(10*time.Millisecond), untilReady.Round(10*time.Millisecond), caughtUp.Round(10*time.Millisecond), worked.Round(10*time.Millisecond), processStatus(child.Process.Pid, "VmHWM"), memory(child.Process.Pid))
	return nil
}

// fill writes the past into the journal, and says what it takes there.
func (b *bench) fill(ctx context.Context, data string, records int) (head journal.Pos, err error) {
	var j interface {
		journal.Journal
		journal.Importer
	}
	if b.shared == nil {
		if err := os.MkdirAll(data, 0o700); err != nil {
			return 0, err
		}
		j, err = sqlite.Open(ctx, filepath.Join(data, journalFile), sqlite.Options{})
	} else {
		j, err = redis.Open(ctx, redis.Options{Client: goredis.UniversalOptions{Addrs: []string{b.shared.addr}}, Replicas: -1})
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	w := &oldWork{at: time.Now().Add(-time.Duration(records) * time.Second), versions: map[string]uint64{}, customers: max(1, records/200)}
	for n := 0; w.pos < uint64(records); n++ {
		w.conversation(n, w.pos+100*pastEvents < uint64(records))
		if len(w.events) >= 4096 || w.pos >= uint64(records) {
			if err := j.Import(ctx, w.events); err != nil {
				return 0, err
			}
			w.bytes += sizeOf(w.events)
			w.events = w.events[:0]
		}
	}
	fmt.Fprintf(b.out, "%d records, %d bytes of data each\n", w.pos, w.bytes/int(w.pos))
	if b.shared != nil {
		return w.pos, b.shared.tellMemory(ctx, b, w.pos)
	}
	return w.pos, nil
}

func sizeOf(events []journal.Event) (n int) {
	for _, e := range events {
		n += len(e.Data)
	}
	return n
}

// tellMemory says what the journal takes in Redis.
func (r *benchRedis) tellMemory(ctx context.Context, b *bench, records journal.Pos) error {
	c := goredis.NewClient(&goredis.Options{Addr: r.addr})
	defer c.Close()
	used, err := c.InfoMap(ctx, "memory").Result()
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(used["Memory"]["used_memory"], 10, 64)
	fmt.Fprintf(b.out, "Redis: used_memory %.0f MB, %d bytes for each record there was\n", float64(n)/1e6, n/records)
	return err
}

// oldWork writes conversations as they are: the customer and the agent write in turns, with what belongs to it, and it ends.
type oldWork struct {
	at        time.Time
	pos       uint64
	versions  map[string]uint64 // of streams
	events    []journal.Event
	bytes     int
	customers int
}

// pastEvents is how many records one conversation has.
const pastEvents = 30

func (w *oldWork) add(stream string, events ...gateway.Event) {
	for _, e := range live.Write(stream, journal.Any, "", w.at, events...).Events {
		w.pos++
		w.versions[stream]++
		e.Pos, e.Stream, e.Version = w.pos, stream, w.versions[stream]
		w.events = append(w.events, e)
	}
	w.events[len(w.events)-1].Key = fmt.Sprintf("messenger/100000000000001/%d", w.pos)
	w.at = w.at.Add(time.Second)
}

// who has the nth conversation.
func (w *oldWork) who(n int) gateway.Identity {
	return gateway.Identity{Channel: "messenger", Account: "100000000000001", Remote: fmt.Sprintf("24000000%09d", n%w.customers)}
}

// conversation writes the nth one.
func (w *oldWork) conversation(n int, ends bool) {
	who := w.who(n)
	id := conversation.ID(who.Thread(), n/w.customers)
	thread, stream := gateway.ThreadStream(who.Thread()), gateway.ConversationStream(id)
	received := func(k int) gateway.Event {
		id := fmt.Sprintf("m%d_%d", n, k)
		return gateway.MessageReceived{Message: gateway.MessageID(id), Identity: who, ProviderID: "mid." + id, SentAt: w.at,
			Text: fmt.Sprintf("Where is my delivery %d? It should have been here this morning, and nobody answers the phone.", n)}
	}
	w.add(thread, received(0))
	offer := gateway.OfferID(string(id) + ".1")
	w.add(stream, gateway.ConversationOpened{Conversation: id, Thread: who.Thread(), Identity: who,
		Entry: "messenger/100000000000001", Target: "queue/main", Queue: "main", Cause: w.pos})
	w.add(stream, gateway.ConversationOffered{Offer: offer, Agents: []gateway.AgentID{"bench"}, Until: w.at.Add(20 * time.Second)})
	w.add(stream, gateway.ConversationAssigned{Agent: "bench", Offer: offer, How: "accepted"})
	for k := range 5 {
		m := gateway.MessageID(fmt.Sprintf("o%d_%d", n, k))
		w.add(stream, gateway.MessageSubmitted{Message: m, ClientID: string(m), Thread: who.Thread(), Identity: who,
			Text: "It left Soltau at seven and will be with you before noon.", Agent: "bench"})
		w.add(stream, gateway.AttemptStarted{Message: m, Attempt: 1})
		w.add(stream, gateway.AttemptEnded{Message: m, Attempt: 1, State: gateway.DeliverySent, ProviderIDs: []string{"mid.o" + string(m)}})
		w.add(thread, gateway.DeliveryReported{ProviderID: "mid.o" + string(m), State: gateway.DeliveryDelivered})
		w.add(thread, received(k+1))
	}
	if ends {
		w.add(stream, gateway.ConversationClosed{By: "bench"})
	}
}
