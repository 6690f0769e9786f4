package messenger

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func bodies(tb testing.TB) [][]byte {
	var out [][]byte
	for _, dir := range []string{"events", "hostile"} {
		paths, err := filepath.Glob("testdata/" + dir + "/*")
		if err != nil || len(paths) == 0 {
			tb.Fatal("no fixtures: ", err)
		}
		for _, p := range paths {
			data, err := os.ReadFile(p)
			if err != nil {
				tb.Fatal(err)
			}
			out = append(out, data)
		}
	}
	for _, odd := range []string{
		`{"object":"page","entry":[{"id":1,"time":2,"messaging":[{"sender":{"id":"1"}}],"messaging":[]}]}`,
		`{"object":"page","entry":[{"id":1,"messaging":[{"a":1},{"b":2}],"Messaging":[{"c":1}]}]}`,
		`{"object":"page","entry":[{"messaging":[{}],"standby":null}]}`,
		`{"object":"page","entry":[{"messaging":[null,1]}],"entry":[{"id":"2","messaging":[{"read":{}}]}]}`,
		`{"object":"page","entry":[null,{"messaging":[{}]}]}`, `{"object":"page","entry":[{"id":"\ud800","messaging":[1]}]}`,
	} {
		out = append(out, []byte(odd))
	}
	return out
}

func testChannel() *Channel {
	return &Channel{o: Options{Pages: []string{"100000000000001"}, AppID: "1"}}
}

func alike(t *testing.T, c *Channel, body []byte) (usual bool) {
	now := time.Now()
	facts, usual := c.parseUsual(body, now)
	if !usual {
		return false
	}
	want, err := c.parseAny(body, now)
	if d := cmp.Diff(want, facts); d != "" || err != nil {
		t.Errorf("%.200s: %v %s", body, err, d)
	}
	return true
}

// The quick way is the thorough way.
func TestUsualBodiesAreReadAlikeInBothWays(t *testing.T) {
	n := 0
	for _, body := range bodies(t) {
		if alike(t, testChannel(), body) {
			n++
		}
	}
	if n < 40 {
		t.Errorf("only %d of the fixtures are usual", n)
	}
}

func FuzzUsual(f *testing.F) {
	for _, body := range bodies(f) {
		if len(body) < 10_000 {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) { alike(t, testChannel(), body) })
}

func BenchmarkParse(b *testing.B) {
	c := testChannel()
	body := []byte(`{"object":"page","entry":[{"id":"100000000000001","time":1750000000000,"messaging":[{"sender":{"id":"900000001"},"recipient":{"id":"100000000000001"},"timestamp":1750000000000,"message":{"mid":"m_1","text":"Where is my delivery 48 211?"}}]}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if facts, err := c.parse(body, time.Now()); err != nil || len(facts) != 1 {
			b.Fatal(facts, err)
		}
	}
}
