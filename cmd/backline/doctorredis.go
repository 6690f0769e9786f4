package main

import (
	"context"
	"errors"
	"flag"

	"backline/gateway/journal/redis"
)

// doctorRedis says whether Redis keeps what it is given. A warning is no failure.
func (m *Main) doctorRedis(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("doctor redis", flag.ContinueOnError)
	var at place
	at.flags(fs)
	asJSON := fs.Bool("json", false, "print one JSON object a line")
	if err := m.parse(fs, args); err != nil {
		return err
	}
	folder, err := at.folder(m.Environ)
	if err != nil {
		return err
	}
	rec, err := recordOf(at.store, folder)
	if err != nil {
		return err
	}
	shared, ok := rec.(redisRecord)
	if !ok {
		return usagef("the journal is not on Redis: give --config FILE with store.engine redis")
	}
	if shared.options.Origin, err = sharedOrigin(folder); err != nil {
		return err
	}
	found, err := redis.Check(ctx, shared.options)
	if err != nil {
		return err
	}
	p := &printer{Main: m, json: *asJSON}
	for _, f := range found {
		p.redis(f)
		if f.Level == redis.Refused {
			err = errors.New("the server can lose what it acknowledged, or is not to be used: no gateway starts on it")
		}
	}
	return err
}

func (p *printer) redis(f redis.Finding) {
	mark := map[redis.Level]string{redis.Fine: "ok", redis.Warning: "WARN", redis.Refused: "BAD"}[f.Level]
	switch {
	case p.json:
		p.emit(f)
	case f.Fix == "":
		p.say("  %-4s %-22s %s", mark, f.What, f.Detail)
	default:
		p.say("  %-4s %-22s %s\n       %-22s %s", mark, f.What, f.Detail, "", f.Fix)
	}
}
