package redis

import (
	"fmt"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
)

// luaWrite is the function that writes one event. Its chain is a hash over the chain of the event before and all of
// its own: two logs that have the same chain at a position have the same events up to there.
const luaWrite = `
local function write(log, pos, chain, stream, version, kind, at, key, data)
  local text = table.concat({chain, version, at, #stream, #kind, #key, stream .. kind .. key .. data}, ' ')
  chain = string.sub(redis.sha1hex(text), 1, 16)
  redis.call('XADD', log, pos .. '-0', 's', stream, 'v', version, 't', kind, 'a', at, 'k', key, 'd', data, 'c', chain)
  return chain
end
`

// appendScript checks everything before it writes: what a script has done is not undone.
//
//	KEYS  log, versions, meta, this week's keys, those of the two weeks before
//	ARGV  stream, expected version or "*", key, guard's stream, guard's version, guard's key, life of a week's keys
//	      in seconds, the journal's origin or "", then type, µs, data of each event
//
// It returns {position, version, outcome, version found}.
var appendScript = goredis.NewScript(luaAppend)

const luaAppend = luaWrite + `
local function receipt(key)
  for i = 4, 6 do
    local known = redis.call('HGET', KEYS[i], key)
    if known then
      local pos, version = string.match(known, '^(%d+),(%d+)$')
      return tonumber(pos), tonumber(version)
    end
  end
end
local meta = redis.call('HMGET', KEYS[3], 'head', 'chain', 'origin')
if ARGV[8] ~= '' and (not meta[1] or meta[3] and meta[3] ~= ARGV[8]) then return {tonumber(meta[1] or '0'), 0, 'gone', 0} end
local key = ARGV[3]
if key ~= '' then
  local pos, version = receipt(key)
  if pos then return {pos, version, 'known', 0} end
end
if ARGV[4] ~= '' then
  local have, want = tonumber(redis.call('HGET', KEYS[2], ARGV[4]) or '0'), tonumber(ARGV[5])
  if have ~= want then return {0, 0, 'guard', have} end
  if ARGV[6] ~= '' then
    local _, brought = receipt(ARGV[6])
    if brought ~= want then return {0, 0, 'guard', have} end
  end
end
local version = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
if ARGV[2] ~= '*' and tonumber(ARGV[2]) ~= version then return {0, 0, 'version', version} end
local pos, chain = tonumber(meta[1] or '0'), meta[2] or ''
for i = 9, #ARGV, 3 do
  pos, version = pos + 1, version + 1
  local last = i + 2 == #ARGV and key or ''
  chain = write(KEYS[1], string.format('%d', pos), chain, ARGV[1], string.format('%d', version), ARGV[i], ARGV[i+1], last, ARGV[i+2])
  if pos == 1 then redis.call('HSET', KEYS[3], 'origin', chain) end
end
redis.call('HSET', KEYS[2], ARGV[1], string.format('%d', version))
redis.call('HSET', KEYS[3], 'head', string.format('%d', pos), 'chain', chain)
if key ~= '' then
  redis.call('HSET', KEYS[4], key, string.format('%d,%d', pos, version))
  redis.call('EXPIRE', KEYS[4], ARGV[7])
end
return {pos, version, 'done', 0}
`

// importScript writes events with their positions and versions behind what is there, or into an empty journal.
//
//	KEYS  log, versions, meta, keys of a week
//	ARGV  life of a week's keys in seconds, then position, stream, version, type, µs, key, data of each event
//
// It returns the position that is missing before the first one, or 0.
var importScript = goredis.NewScript(luaWrite + `
local meta = redis.call('HMGET', KEYS[3], 'head', 'chain')
local head, chain, first = tonumber(meta[1] or '0'), meta[2] or '', tonumber(ARGV[2])
if meta[1] and head ~= first - 1 then return head + 1 end
if not meta[1] then redis.call('HSET', KEYS[3], 'trimmed', string.format('%d', first - 1)) end
local keyed = false
for i = 2, #ARGV, 7 do
  local pos, stream, version, key = ARGV[i], ARGV[i+1], ARGV[i+2], ARGV[i+5]
  chain = write(KEYS[1], pos, chain, stream, version, ARGV[i+3], ARGV[i+4], key, ARGV[i+6])
  if pos == '1' then redis.call('HSET', KEYS[3], 'origin', chain) end
  redis.call('HSET', KEYS[2], stream, version)
  if key ~= '' then
    redis.call('HSET', KEYS[4], key, pos .. ',' .. version)
    keyed = true
  end
end
redis.call('HSET', KEYS[3], 'head', ARGV[#ARGV-6], 'chain', chain)
if keyed then redis.call('EXPIRE', KEYS[4], ARGV[1]) end
return 0
`)

// adoptScript gives the keys of one journal, the first half of KEYS, the names of another that must be empty.
var adoptScript = goredis.NewScript(`
local n = #KEYS / 2
for i = 1, n do
  if redis.call('EXISTS', KEYS[n+i]) == 1 then return KEYS[n+i] end
end
for i = 1, n do
  if redis.call('EXISTS', KEYS[i]) == 1 then redis.call('RENAME', KEYS[i], KEYS[n+i]) end
end
return ''
`)

// trimScript drops the events up to ARGV[1] of KEYS log, meta; never the last one.
var trimScript = goredis.NewScript(`
local upTo = math.min(tonumber(ARGV[1]), tonumber(redis.call('HGET', KEYS[2], 'head') or '0') - 1)
if upTo <= tonumber(redis.call('HGET', KEYS[2], 'trimmed') or '0') then return 0 end
redis.call('XTRIM', KEYS[1], 'MINID', '=', string.format('%d-0', upTo + 1))
redis.call('HSET', KEYS[2], 'trimmed', string.format('%d', upTo))
return upTo
`)

// judgeScript says of KEYS log, meta what a reader at position ARGV[1] must know: {head, trimmed, chain there, origin}. It
// begins with a write that changes nothing, because only a primary takes one, and only while it has its replicas
// (min-replicas-to-write): what another server lacks proves nothing.
var judgeScript = goredis.NewScript(`
redis.call('HDEL', KEYS[2], '')
local meta = redis.call('HMGET', KEYS[2], 'head', 'trimmed', 'origin')
local entry, chain = redis.call('XRANGE', KEYS[1], ARGV[1] .. '-0', ARGV[1] .. '-0')[1], ''
for i = 1, entry and #entry[2] or 0, 2 do
  if entry[2][i] == 'c' then chain = entry[2][i+1] end
end
return {tonumber(meta[1] or '0'), tonumber(meta[2] or '0'), chain, meta[3] or ''}
`)

// Keys are known for two weeks at least.
const (
	keyWeek = 7 * 24 * time.Hour
	keyLife = 4 * keyWeek
)

func weekOf(now time.Time) int64 { return now.Unix() / int64(keyWeek/time.Second) }

func (j *Journal) scriptKeys(now time.Time) []string {
	week := weekOf(now)
	keys := []string{j.key.log, j.key.versions, j.key.meta}
	for i := range int64(3) {
		keys = append(keys, j.key.keys+strconv.FormatInt(week-i, 10))
	}
	return keys
}

func arguments(w journal.Write, origin string) []any {
	expect := "*"
	if w.Expect != journal.Any {
		expect = strconv.FormatUint(w.Expect, 10)
	}
	args := []any{w.Stream, expect, w.Key, "", "0", "", int64(keyLife / time.Second), origin}
	if w.Guard != nil {
		args[3], args[4], args[5] = w.Guard.Stream, strconv.FormatUint(w.Guard.Version, 10), w.Guard.Key
	}
	for _, e := range w.Events {
		args = append(args, e.Type, e.At.UnixMicro(), e.Data)
	}
	return args
}

// outcome reads what appendScript returned.
func (j *Journal) outcome(w journal.Write, got []any) (journal.Receipt, error) {
	if len(got) != 4 {
		return journal.Receipt{}, fmt.Errorf("append: the script returned %v", got)
	}
	pos, _ := got[0].(int64)
	version, _ := got[1].(int64)
	have, _ := got[3].(int64)
	switch got[2] {
	case "done", "known":
		return journal.Receipt{Pos: uint64(pos), Version: uint64(version), Dup: got[2] == "known"}, nil
	case "guard":
		return journal.Receipt{}, &journal.Conflict{Stream: w.Guard.Stream, Want: w.Guard.Version, Have: uint64(have), Guarded: true}
	case "gone":
		return journal.Receipt{}, fmt.Errorf("append: %w", j.gone(uint64(pos), "another"))
	case "version":
		return journal.Receipt{}, &journal.Conflict{Stream: w.Stream, Want: w.Expect, Have: uint64(have)}
	}
	return journal.Receipt{}, fmt.Errorf("append: the script returned %v", got)
}
