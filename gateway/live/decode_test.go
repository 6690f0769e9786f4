package live

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"backline/gateway"
	"backline/gateway/quickjson"
)

// Whatever an event holds, the fast reader of JSON sees what encoding/json sees.
func TestFastDecodingEqualsEncodingJSON(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, sample := range []gateway.Event{gateway.MessageReceived{}, gateway.MessageEdited{}, gateway.Reacted{}, gateway.DeliveryReported{},
		gateway.ContactLearned{}, gateway.AttachmentStored{}, gateway.ConsentChanged{}, gateway.ThreadControlChanged{}, gateway.ChannelAlarm{},
		gateway.ConversationOpened{}, gateway.ConversationReopened{}, gateway.ConversationQueued{}, gateway.ConversationOffered{}, gateway.OfferEnded{},
		gateway.ConversationAssigned{}, gateway.WrapUpStarted{}, gateway.ConversationClosed{}, gateway.MessageSubmitted{}, gateway.AttemptStarted{},
		gateway.AttemptEnded{}, gateway.NoteAdded{}, gateway.ConversationRead{}, gateway.AgentSaved{}, gateway.PresenceChanged{}, gateway.SessionOpened{}} {
		for range 50 {
			v := reflect.New(reflect.TypeOf(sample)).Elem()
			fill(rnd, v)
			data, err := json.Marshal(v.Interface())
			if err != nil {
				t.Fatal(err)
			}
			same(t, sample.EventType(), data)
		}
	}
}

// What providers send is kept as it came, also what a strict reader of JSON refuses.
func TestRawPayloadsAreReadAsTheyCame(t *testing.T) {
	for _, raw := range []string{`{"a":1,"a":2}`, "{\"a\":\"\xff\"}", `"\ud800"`, `{"deep":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`, `null`, `1e400`} {
		same(t, gateway.RawKept{}.EventType(), []byte(`{"channel":"messenger","kind":"odd","raw":`+raw+`}`))
	}
	same(t, "message.received", []byte(`{"TEXT":"another spelling","message":"m"}`))
	same(t, "message.received", []byte(`{"text":5}`))
	same(t, "message.received", []byte(`{`))
}

func same(t *testing.T, kind string, data []byte) {
	t.Helper()
	want, wantErr := gateway.DecodeEvent(kind, data)
	got, err := gateway.DecodeEventWith(quickjson.Unmarshal, kind, data)
	if d := cmp.Diff(want, got); d != "" || (err == nil) != (wantErr == nil) {
		t.Errorf("%s %s: %v, want %v\n%s", kind, data, err, wantErr, d)
	}
}

// fill puts something into every field, now and then.
func fill(rnd *rand.Rand, v reflect.Value) {
	if rnd.IntN(4) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(rnd.Int64N(4e9), rnd.Int64N(1e9)).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(rnd, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rnd.IntN(3), 3))
		for i := range v.Len() {
			fill(rnd, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rnd.IntN(3) {
			k, x := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(rnd, k)
			fill(rnd, x)
			v.SetMapIndex(k, x)
		}
	case reflect.String:
		v.SetString([]string{"", "plain", "ümläut 📎", "a\xffb", "\u2028<>&\"\\\n\x00", strings.Repeat("x", 300)}[rnd.IntN(6)])
	case reflect.Int, reflect.Int64:
		v.SetInt(rnd.Int64N(1 << 30))
	case reflect.Uint64:
		v.SetUint(rnd.Uint64())
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic("a kind of field that is not filled: " + v.Type().String())
	}
}
