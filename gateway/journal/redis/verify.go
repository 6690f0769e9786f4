package redis

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"backline/gateway/journal"
)

// verifyBatch is how many entries are read at once.
const verifyBatch = 512

// Verify reads the whole log, which may be in use, and reports what is wrong with it; no finding means that every
// position is there, every stream's versions are without a gap, every entry is as it was written, and the tables of
// versions and keys fit. What a fail-over lost leaves no trace here: whoever has seen a later position, or another
// chain, knows of it. An error means that the log could not be judged.
func (j *Journal) Verify(ctx context.Context) (journal.Report, error) {
	v := &verifier{j: j, report: journal.Report{Findings: []journal.Finding{}}, before: map[string]uint64{}, versions: map[string]uint64{}}
	for _, step := range []func(context.Context) error{v.table, v.meta, v.entries, v.heads} {
		if err := step(ctx); err != nil || len(v.report.Findings) > 0 {
			return v.report, err
		}
	}
	return v.report, nil
}

// verifier collects a report. Each step relies on the ones before it.
type verifier struct {
	j        *Journal
	report   journal.Report
	before   map[string]uint64 // the table of versions at the start
	end      string            // the chain at the head
	chain    string            // of the entry before
	versions map[string]uint64 // of streams, up to the entry before
}

func (v *verifier) meta(ctx context.Context) error {
	var m struct {
		Head    uint64 `redis:"head"`
		Trimmed uint64 `redis:"trimmed"`
		Chain   string `redis:"chain"`
	}
	if err := v.j.client.HMGet(ctx, v.j.key.meta, "head", "trimmed", "chain").Scan(&m); err != nil {
		return v.j.failure(ctx, "verify journal", err)
	}
	v.report.Head, v.report.Trimmed, v.end = m.Head, m.Trimmed, m.Chain
	if m.Trimmed >= max(m.Head, 1) {
		v.report.Add(journal.Event{}, "%s says that it is trimmed up to %d and ends at %d", v.j.key.meta, m.Trimmed, m.Head)
	}
	return nil
}

// entries reads the log up to the head of the start.
func (v *verifier) entries(ctx context.Context) error {
	for at := v.report.Trimmed; at < v.report.Head && !v.report.Full(); {
		messages, err := v.j.client.XRangeN(ctx, v.j.key.log, "("+entryID(at), entryID(v.report.Head), verifyBatch).Result()
		if err != nil {
			return v.j.failure(ctx, "verify journal", err)
		}
		if len(messages) == 0 || messages[0].ID != entryID(at+1) {
			trimmed, _, err := v.j.Bounds(ctx)
			if err != nil {
				return err
			}
			if at < trimmed { // meanwhile
				at, v.report.Trimmed = trimmed, trimmed
				continue
			}
		}
		if len(messages) == 0 {
			v.report.Add(journal.Event{Pos: at + 1}, "positions %d to %d are missing", at+1, v.report.Head)
			return nil
		}
		batch := make([]entry, 0, len(messages))
		for _, m := range messages {
			e, err := parse(m)
			if err != nil {
				v.report.Add(journal.Event{Pos: at + 1}, "at it or behind it: %v", err)
				return nil
			}
			v.entry(e, at)
			at = e.Pos
			batch = append(batch, e)
		}
		if err := v.keys(ctx, batch); err != nil {
			return err
		}
	}
	if len(v.report.Findings) == 0 && v.chain != v.end {
		v.report.Add(journal.Event{Pos: v.report.Head}, "%s says another chain than this entry", v.j.key.meta)
	}
	return nil
}

func (v *verifier) entry(e entry, before journal.Pos) {
	if e.Pos != before+1 {
		v.report.Add(e.Event, "positions %d to %d are missing before it", before+1, e.Pos-1)
	} else if first := before == v.report.Trimmed && before > 0; !first && e.chain != chained(v.chain, e.Event) {
		v.report.Add(e.Event, "the entry was altered: its chain does not fit")
	}
	last, seen := v.versions[e.Stream]
	if (seen || v.report.Trimmed == 0) && e.Version != last+1 {
		v.report.Add(e.Event, "version %d follows %d in its stream", e.Version, last)
	}
	v.chain, v.versions[e.Stream] = e.chain, e.Version
}

// keys compares what is still known of the keys of some entries: a key that names another position would give a wrong
// receipt.
func (v *verifier) keys(ctx context.Context, batch []entry) error {
	var keyed []entry
	var names []string
	for _, e := range batch {
		if e.Key != "" {
			keyed, names = append(keyed, e), append(names, e.Key)
		}
	}
	if len(names) == 0 {
		return nil
	}
	for _, week := range v.j.scriptKeys(v.j.clock.now())[3:] {
		known, err := v.j.client.HMGet(ctx, week, names...).Result()
		if err != nil {
			return v.j.failure(ctx, "verify journal", err)
		}
		for i, e := range keyed {
			if known[i] != nil && known[i] != fmt.Sprintf("%d,%d", e.Pos, e.Version) {
				v.report.Add(e.Event, "%s says %q of its key, which is position and version of another", week, known[i])
			}
		}
	}
	return nil
}

// table reads the versions before the log is looked at: the log must have got as far at least.
func (v *verifier) table(ctx context.Context) error {
	for cursor := uint64(0); ; {
		pairs, next, err := v.j.client.HScan(ctx, v.j.key.versions, cursor, "", verifyBatch).Result()
		if err != nil {
			return v.j.failure(ctx, "verify journal", err)
		}
		for i := 0; i+1 < len(pairs); i += 2 {
			version, err := strconv.ParseUint(pairs[i+1], 10, 64)
			if err != nil {
				v.report.Add(journal.Event{Stream: pairs[i]}, "%s says %q, which is no version", v.j.key.versions, pairs[i+1])
			}
			v.before[pairs[i]] = version
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// heads compares the table of versions with the log.
func (v *verifier) heads(ctx context.Context) error {
	for stream, version := range v.before {
		last, seen := v.versions[stream]
		if version > last && (seen || v.report.Trimmed == 0) {
			v.report.Add(journal.Event{Stream: stream}, "%s says version %d, its last entry is version %d", v.j.key.versions, version, last)
		}
	}
	var behind []string // or grown since
	for stream, last := range v.versions {
		if v.before[stream] < last {
			behind = append(behind, stream)
		}
	}
	for some := range slices.Chunk(behind, verifyBatch) {
		now, err := v.j.client.HMGet(ctx, v.j.key.versions, some...).Result()
		if err != nil {
			return v.j.failure(ctx, "verify journal", err)
		}
		for i, stream := range some {
			text, _ := now[i].(string)
			if version, _ := strconv.ParseUint(text, 10, 64); version < v.versions[stream] { // what is no number is 0
				v.report.Add(journal.Event{Stream: stream}, "%s says version %d, its last entry is version %d", v.j.key.versions, version, v.versions[stream])
			}
		}
	}
	return nil
}

// chained is what luaWrite computes.
func chained(chain string, e journal.Event) string {
	h := sha1.New()
	fmt.Fprintf(h, "%s %d %d %d %d %d %s%s%s", chain, e.Version, e.At.UnixMicro(), len(e.Stream), len(e.Type), len(e.Key), e.Stream, e.Type, e.Key)
	h.Write(e.Data)
	return hex.EncodeToString(h.Sum(nil))[:16]
}
