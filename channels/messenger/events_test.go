package messenger_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"backline/channels/messenger"
	"backline/gateway"
	"github.com/google/go-cmp/cmp"
)

const secret = "fixture-app-secret-not-real-0001"

// post delivers one event of page …1 and returns the facts on one line each.
func (r *receiver) post(t *testing.T, event string) []string {
	t.Helper()
	r.facts = nil
	body := fmt.Sprintf(`{"object":"page","entry":[{"id":"100000000000001","time":1790000000250,"messaging":[%s]}]}`, event)
	if code := r.serve(signedRequest(secret, []byte(body))).Code; code != http.StatusOK {
		t.Fatalf("answered %d", code)
	}
	checkFacts(t, r.facts)
	var out []string
	for _, f := range r.facts {
		out = append(out, brief(f))
	}
	return out
}

func TestATextInFull(t *testing.T) {
	all := readJSON[fixtures](t, "signatures.json")
	r := newReceiver(t, nil)
	r.serve(all.Files["events/text.json"].request(read(t, "events/text.json")))
	who := gateway.Identity{Channel: "messenger", Account: "100000000000001", Remote: "7000000000000001"}
	const mid = "m_FIXTURE00000001abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
	want := []gateway.Fact{{Key: "messenger/100000000000001/mid/" + mid, Channel: "messenger", Identity: who,
		Event: gateway.MessageReceived{Message: r.facts[0].Event.(gateway.MessageReceived).Message, Identity: who, ProviderID: mid,
			Text: "My internet has been down since 9:15, is there an outage?", SentAt: time.UnixMilli(1790000000000).UTC()}}}
	if diff := cmp.Diff(want, r.facts); diff != "" {
		t.Error(diff)
	}
}

func TestAttachmentsInFull(t *testing.T) {
	all := readJSON[fixtures](t, "signatures.json")
	r := newReceiver(t, nil)
	for name, want := range map[string][]gateway.Attachment{
		"events/attachment_image_with_text.json": {{Kind: "image", URL: "https://scontent.example.net/v/t1.15752-9/fixture_n.jpg?_nc_cat=1&oh=00_FAKE&oe=6ABCDEF0"}},
		"events/attachment_location_legacy.json": {{Kind: "location", URL: "https://www.example.org/maps", Title: "Pinned location (52.52, 13.405)"}},
	} {
		r.facts = nil
		r.serve(all.Files[name].request(read(t, name)))
		if diff := cmp.Diff(want, r.facts[0].Event.(gateway.MessageReceived).Attachments); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestEchoes(t *testing.T) {
	echo := func(rest string) string {
		return `{"sender":{"id":"100000000000001"},"recipient":{"id":"7000000000000001"},"timestamp":1790000001000,"message":{"mid":"m_E","is_echo":true,"text":"hi"` + rest + `}}`
	}
	for _, tt := range []struct{ name, appID, rest, want string }{
		{"our own names our message", "555000000000001", `,"app_id":555000000000001,"metadata":"mabc"`, `1/1 echo of=mabc`},
		{"an earlier part proves nothing of the whole", "555000000000001", `,"app_id":555000000000001,"metadata":"mabc#1/3"`, `1/1 sent mid=m_E`},
		{"another app's metadata is not ours", "555000000000001", `,"app_id":"42","metadata":"mabc"`, `1/1 echo by=42 "hi"`},
		{"the page's inbox", "555000000000001", `,"app_id":263902037430900,"metadata":"mabc"`, `1/1 echo by=page_inbox "hi"`},
		{"the page's inbox, as Meta misprints it", "555000000000001", `,"app_id":26390203743090`, `1/1 echo by=page_inbox "hi"`},
		{"no app id known: metadata counts", "", `,"app_id":555000000000001,"metadata":"mabc"`, `1/1 echo of=mabc`},
		{"no app id known: the inbox is still not us", "", `,"app_id":263902037430900,"metadata":"mabc"`, `1/1 echo by=page_inbox "hi"`},
		{"nobody named", "555000000000001", ``, `1/1 echo "hi"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newReceiver(t, func(o *messenger.Options) { o.AppID = tt.appID })
			if diff := cmp.Diff([]string{tt.want}, r.post(t, echo(tt.rest))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEventsThatNoFixtureShows(t *testing.T) {
	from := func(rest string) string {
		return `{"sender":{"id":"7000000000000001"},"recipient":{"id":"100000000000001"},"timestamp":1790000000000,` + rest + `}`
	}
	for _, tt := range []struct {
		name, event string
		want        []string
	}{
		{"read", from(`"read":{"watermark":1790000000500}`), []string{`1/1 read mark=1790000000500`}},
		{"delivery with mids", from(`"delivery":{"mids":["m_1","m_2"],"watermark":1790000000500}`),
			[]string{`1/1 delivered mid=m_1`, `1/1 delivered mid=m_2`, `1/1 delivered mark=1790000000500`}},
		{"delivery of nothing", from(`"delivery":{}`), []string{`1/1 raw bad_delivery`}},
		{"reaction", from(`"reaction":{"action":"react","reaction":"love","emoji":"❤","mid":"m_1"}`), []string{`1/1 reacted m_1 "love" "❤"`}},
		{"reaction of no kind", from(`"reaction":{"action":"dance","mid":"m_1"}`), []string{`1/1 raw bad_reaction`}},
		{"postback in full", from(`"postback":{"mid":"m_1","title":"Start","payload":"GO","referral":{"ref":"r","source":"SHORTLINK","type":"OPEN_THREAD"}}`),
			[]string{`1/1 postback "Start" payload=GO ref=r source=SHORTLINK type=OPEN_THREAD`}},
		{"a broken part does not spoil the message", from(`"message":{"mid":"m_1","text":"hi","quick_reply":"x","reply_to":7,"attachments":{"a":1}}`), []string{`1/1 message "hi"`}},
		{"a broken attachment is named", from(`"message":{"mid":"m_1","attachments":[17,{"type":"image","payload":{"url":"https://x.example/a"}}]}`), []string{`1/1 message +link! +image`}},
		{"nothing said", from(`"message":{"mid":"m_1"}`), []string{`1/1 raw empty_message`}},
		{"the page was unblocked", `{"recipient":{"id":"100000000000001"},"timestamp":1,"policy_enforcement":{"action":"unblock"}}`, []string{`- alarm policy_block cleared=true`}},
		{"the page was warned", `{"recipient":{"id":"100000000000001"},"timestamp":1,"policy_enforcement":{"action":"warning","reason":"x"}}`, []string{`- alarm policy_warning cleared=false`}},
		{"passed to the inbox", from(`"pass_thread_control":{"new_owner_app_id":263902037430900}`), []string{`1/1 control ours=false owner=263902037430900`}},
		{"left to nobody", from(`"pass_thread_control":{"previous_owner_app_id":"1","new_owner_app_id":null}`), []string{`1/1 control ours=true owner=`}},
		{"Meta's own test", `{"message":"TEST_MESSAGE"}`, []string{`- raw bad_message`}},
		{"not an object", `[1]`, []string{`- raw bad_event`}},
		{"for somebody else", `{"sender":{"id":"1"},"recipient":{"id":"2"},"message":{"mid":"m","text":"x"}}`, []string{`- raw page_mismatch`}},
		{"an echo that the page did not send", from(`"message":{"mid":"m_1","is_echo":true,"text":"x"}`), []string{`1/1 raw page_mismatch`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, newReceiver(t, nil).post(t, tt.event)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTimesAsMetaWritesThem(t *testing.T) {
	good := time.UnixMilli(1790000000000).UTC()
	for text, want := range map[string]time.Time{
		"1790000000000": good, `"1790000000000"`: good, "1790000000": good, "1790000000000.5": good, "1.79e12": good,
		"0": {}, "-5": {}, "null": {}, `"soon"`: {}, "1": {}, "9e99": {}, "{}": {}, "true": {}, "99999999999999999999": {},
	} {
		r := newReceiver(t, nil)
		before := time.Now()
		r.post(t, `{"sender":{"id":"7000000000000001"},"recipient":{"id":"100000000000001"},"timestamp":`+text+`,"message":{"mid":"m","text":"x"}}`)
		got := r.facts[0].Event.(gateway.MessageReceived).SentAt
		if want.IsZero() && (got.Before(before) || got.After(time.Now())) || !want.IsZero() && !got.Equal(want) {
			t.Errorf("timestamp %s: read as %s", text, got)
		}
	}
}

func TestATextOfAMegabyteDoesNotStopTheJournal(t *testing.T) {
	r := newReceiver(t, nil)
	long := make([]byte, 900<<10)
	for i := range long {
		long[i] = '<' // six bytes in the journal
	}
	got := r.post(t, `{"sender":{"id":"7000000000000001"},"recipient":{"id":"100000000000001"},"timestamp":1790000000000,"message":{"mid":"m","text":"`+string(long)+`"}}`)
	if diff := cmp.Diff([]string{`1/1 message 131072 runes`}, got); diff != "" {
		t.Error(diff)
	}
	one := `{"type":"image","payload":{"url":"https://x.example/` + strings.Repeat("&", 4000) + `"}}`
	got = r.post(t, `{"sender":{"id":"7000000000000001"},"recipient":{"id":"100000000000001"},"timestamp":1790000000000,"message":{"mid":"m2","attachments":[`+strings.Repeat(one+",", 49)+one+`]}}`)
	if diff := cmp.Diff([]string{`1/1 raw too_large`}, got); diff != "" {
		t.Error(diff)
	}
	got = r.post(t, `{"sender":{"id":"7000000000000001"},"recipient":{"id":"100000000000001"},"timestamp":1790000000000,"hologram":"`+string(long)+`"}`)
	if diff := cmp.Diff([]string{`1/1 raw hologram`}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNestedTooDeepIsStillKept(t *testing.T) {
	r := newReceiver(t, nil)
	const depth = 9999 // the body's own object is the ten thousandth
	body := `{"object":"page","x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
	if code := r.serve(signedRequest(secret, []byte(body))).Code; code != http.StatusOK || len(r.facts) != 1 {
		t.Fatalf("answered %d, %d facts", code, len(r.facts))
	}
	checkFacts(t, r.facts)
}

func TestPageNotOursLosesNoNeighbour(t *testing.T) {
	all := readJSON[fixtures](t, "signatures.json")
	r := newReceiver(t, func(o *messenger.Options) { o.Pages = []string{"100000000000002"} })
	r.serve(all.Files["events/batch_two_pages.json"].request(read(t, "events/batch_two_pages.json")))
	var got []string
	for _, f := range r.facts {
		got = append(got, brief(f))
	}
	if diff := cmp.Diff([]string{`- raw unknown_page`, `2/1 message "to page 2"`}, got); diff != "" {
		t.Error(diff)
	}
}
