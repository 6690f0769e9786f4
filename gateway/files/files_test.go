package files_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/files"
	"backline/gateway/journal"
)

const pngBytes = "\x89PNG\r\n\x1a\n rest of a picture"

func open(t testing.TB) (*files.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := files.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func zipOf(t *testing.T, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range names {
		name, content, _ := strings.Cut(n, "=")
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, content)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func kindOf(err error) gateway.Kind {
	if e, ok := errors.AsType[*gateway.Error](err); ok {
		return e.Kind
	}
	return ""
}

func TestTypeIsWhatTheContentSays(t *testing.T) {
	s, dir := open(t)
	for _, c := range []struct{ name, declared, content, want, wantName string }{
		{"a.png", "text/html", pngBytes, "image/png", "a.png"},
		{"setup.exe", "", pngBytes, "image/png", "setup.exe.png"},
		{"../../etc/passwd", "", "\xff\xd8\xff\xe0 jpeg", "image/jpeg", "passwd.jpg"},
		{"v", "audio/webm;codecs=opus", "\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "audio/webm", "v.webm"},
		{"v", "video/webm", "\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm", "v.webm"},
		{"v.m4a", "", "\x00\x00\x00\x20ftypM4A ....", "audio/mp4", "v.m4a"},
		{"v.mp4", "", "\x00\x00\x00\x20ftypisom....", "video/mp4", "v.mp4"},
		{"x.docx", "", zipOf(t, "[Content_Types].xml", "word/document.xml"), "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "x.docx"},
		{"x.ods", "", zipOf(t, "mimetype=application/vnd.oasis.opendocument.spreadsheet"), "application/vnd.oasis.opendocument.spreadsheet", "x.ods"},
		{"notes.txt", "", "Grüße\naus Köln", "text/plain", "notes.txt"},
		{"list.csv", "", "a;b\n1;2", "text/csv", "list.csv"},
		{"me", "", "BEGIN:VCARD\r\nVERSION:3.0", "text/vcard", "me.vcf"},
		{"long.txt", "", "a" + strings.Repeat("ä", 4000), "text/plain", "long.txt"},
		{"x.html", "image/png", "<!doctype html><script>", "", ""},
		{"x.txt", "text/plain", " \n<svg onload=alert(1)>", "", ""},
		{"x.svg", "image/svg+xml", `<?xml version="1.0"?><svg/>`, "", ""},
		{"x.js", "text/plain", "alert(1)", "", ""},
		{"x.bat", "text/plain", "del *", "", ""},
		{"x.exe", "image/png", "MZ\x90\x00\x03", "", ""},
		{"x.txt", "", "MZ windows", "", ""},
		{"x.zip", "", zipOf(t, "a.txt"), "", ""},
		{"x.docx", "", zipOf(t, "[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), "", ""},
		{"x.txt", "", "a\x00b", "", ""},
		{"empty.txt", "", "", "", ""},
	} {
		m, err := s.Save(t.Context(), c.name, c.declared, strings.NewReader(c.content), 1<<20)
		if m.ContentType != c.want || m.Name != c.wantName {
			t.Errorf("%s: %q %q (%v), want %q %q", c.name, m.ContentType, m.Name, err, c.want, c.wantName)
		}
		if c.want == "" && kindOf(err) != gateway.Invalid {
			t.Errorf("%s: refused with %v", c.name, err)
		}
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) > 0 {
		t.Errorf("%d temporary files left", len(left))
	}
}

func TestSaveRefusesTooMuch(t *testing.T) {
	s, dir := open(t)
	if _, err := s.Save(t.Context(), "a.png", "", strings.NewReader(pngBytes), int64(len(pngBytes))); err != nil {
		t.Errorf("exactly the limit: %v", err)
	}
	if _, err := s.Save(t.Context(), "a.png", "", strings.NewReader(pngBytes), int64(len(pngBytes))-1); kindOf(err) != gateway.TooLarge {
		t.Errorf("one more: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Save(ctx, "a.png", "", strings.NewReader(pngBytes), 100); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	full := io.MultiReader(strings.NewReader(pngBytes), failing{&os.PathError{Op: "write", Err: syscall.ENOSPC}})
	if _, err := s.Save(t.Context(), "a.png", "", full, 1000); kindOf(err) != gateway.Unavailable {
		t.Errorf("full disk: %v", err)
	}
	q, err := files.Open(dir, func(_ context.Context, n int64) error { return gateway.Errorf(gateway.TooMany, "%d is too much", n) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Save(t.Context(), "a.png", "", strings.NewReader(pngBytes), 1000); kindOf(err) != gateway.TooMany {
		t.Errorf("quota: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestFilesAreServedSoThatNothingRuns(t *testing.T) {
	s, dir := open(t)
	pic, err := s.Save(t.Context(), `Bild "1" ä.png`, "", strings.NewReader(pngBytes), 1000)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := s.Save(t.Context(), "a.pdf", "", strings.NewReader("%PDF-1.7"), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = files.Open(dir, nil); err != nil { // it outlives a restart
		t.Fatal(err)
	}
	get := func(method, path string, headers ...string) *http.Response {
		r := httptest.NewRequest(method, path, nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Result()
	}
	r := get("GET", "/files/"+string(pic.ID)+"/x.png")
	if b, _ := io.ReadAll(r.Body); r.StatusCode != 200 || string(b) != pngBytes || r.Header.Get("Content-Type") != "image/png" {
		t.Errorf("got %d %q", r.StatusCode, b)
	}
	for k, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "cross-origin",
		"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, max-age=31536000, immutable"} {
		if got := r.Header.Get(k); got != want {
			t.Errorf("%s: %q, want %q", k, got, want)
		}
	}
	if d := r.Header.Get("Content-Disposition"); !strings.HasPrefix(d, "inline; filename") {
		t.Errorf("picture: %q", d)
	}
	if d := get("GET", "/files/"+string(pic.ID)+"?download").Header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment") {
		t.Errorf("download: %q", d)
	}
	if d := get("GET", "/files/"+string(doc.ID)).Header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment") {
		t.Errorf("pdf: %q", d)
	}
	r = get("GET", "/files/"+string(pic.ID), "Range", "bytes=1-3")
	if b, _ := io.ReadAll(r.Body); r.StatusCode != 206 || string(b) != "PNG" {
		t.Errorf("range: %d %q", r.StatusCode, b)
	}
	r = get("HEAD", "/files/"+string(pic.ID))
	if b, _ := io.ReadAll(r.Body); r.StatusCode != 200 || len(b) != 0 || r.ContentLength != int64(len(pngBytes)) {
		t.Errorf("head: %d %q %d", r.StatusCode, b, r.ContentLength)
	}
	for _, p := range []string{"/files/" + strings.Repeat("a", 26), "/files/..%2f..%2fetc", "/files/tmp", "/files/" + string(pic.ID) + ".json", "/files/x/y/z"} {
		if r := get("GET", p); r.StatusCode != 404 {
			t.Errorf("%s: %d, want 404", p, r.StatusCode)
		}
	}
	if r := get("POST", "/files/"+string(pic.ID)); r.StatusCode != 405 {
		t.Errorf("post: %d", r.StatusCode)
	}
}

// provider answers requests without a network.
type provider func(*http.Request) (int, string)

func (p provider) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := p(r)
	if status == 0 {
		return nil, errors.New("connection reset")
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: r, ContentLength: -1}, nil
}

func fetch(t *testing.T, p provider, events ...gateway.Event) []gateway.AttachmentStored {
	t.Helper()
	var out []gateway.AttachmentStored
	s, _ := open(t)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		refuse := 2
		f := files.NewFetcher(files.FetcherOptions{Store: s, Client: &http.Client{Transport: p},
			Prepare: map[string]func(*http.Request){"sms": func(r *http.Request) { r.Header.Set("Authorization", "Basic x") }},
			Append: func(_ context.Context, w journal.Write) (journal.Receipt, error) {
				mu.Lock()
				defer mu.Unlock()
				if refuse--; refuse >= 0 {
					return journal.Receipt{}, journal.ErrFull
				}
				e, err := gateway.DecodeEvent(w.Events[0].Type, w.Events[0].Data)
				if err != nil || w.Stream != "thread/t1" {
					t.Errorf("appended %v to %s", err, w.Stream)
				}
				out = append(out, e.(gateway.AttachmentStored))
				return journal.Receipt{}, nil
			}})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = f.Run(ctx) })
		for _, e := range events {
			f.Observe(conversation.Record{Stream: "thread/t1", Event: e})
		}
		f.Replayed()
		time.Sleep(time.Hour)
		if n, _ := f.Waiting(); n != 0 {
			t.Errorf("%d still wait", n)
		}
		cancel()
		wg.Wait()
	})
	return out
}

func received(urls ...string) gateway.MessageReceived {
	m := gateway.MessageReceived{Message: "m1", Identity: gateway.Identity{Channel: "sms"}}
	for _, u := range urls {
		m.Attachments = append(m.Attachments, gateway.Attachment{URL: u, Kind: "file"})
	}
	return m
}

func TestFetcherRetriesAndStores(t *testing.T) {
	var mu sync.Mutex
	calls := 0
	got := fetch(t, func(r *http.Request) (int, string) {
		mu.Lock()
		defer mu.Unlock()
		if calls++; r.Header.Get("Authorization") == "" {
			return 401, ""
		}
		switch calls {
		case 1:
			return 503, "busy"
		case 2:
			return 0, ""
		}
		return 200, pngBytes
	}, received("https://media.example/a%2fb/pic?token=x"))
	if len(got) != 1 || got[0].Attachment.File == "" || got[0].Attachment.URL != "" || got[0].Attachment.Kind != "image" || calls != 3 {
		t.Errorf("after %d calls: %+v", calls, got)
	}
}

func TestFetcherGivesUpAndSaysWhy(t *testing.T) {
	got := fetch(t, func(*http.Request) (int, string) { return 404, "" }, received("https://media.example/a"))
	if len(got) != 1 || got[0].Attachment.Error == "" || strings.Contains(got[0].Attachment.Error, "example") {
		t.Errorf("gone: %+v", got)
	}
	got = fetch(t, func(*http.Request) (int, string) { return 500, "" }, received("https://media.example/a"))
	if len(got) != 1 || got[0].Attachment.Error == "" {
		t.Errorf("broken: %+v", got)
	}
	got = fetch(t, func(*http.Request) (int, string) { return 200, "<html>" }, received("https://media.example/a", "ftp://media.example/b"))
	if len(got) != 2 || got[0].Attachment.Error == "" || got[1].Attachment.Error == "" {
		t.Errorf("refused: %+v", got)
	}
	got = fetch(t, func(*http.Request) (int, string) {
		return 200, strings.Repeat(pngBytes, files.MaxFetchBytes/len(pngBytes)+1)
	}, received("https://media.example/a"))
	if len(got) != 1 || !strings.Contains(got[0].Attachment.Error, "25 MB") {
		t.Errorf("too large: %+v", got)
	}
}

func TestFetcherLeavesAloneWhatIsDone(t *testing.T) {
	m := received("https://media.example/a")
	m.Attachments = append(m.Attachments, gateway.Attachment{File: "f", Kind: "image"}, gateway.Attachment{URL: "https://x", Kind: "link"})
	got := fetch(t, func(*http.Request) (int, string) { t.Error("called"); return 500, "" },
		m, gateway.AttachmentStored{Message: "m1", Index: 0})
	if len(got) != 0 {
		t.Errorf("appended %+v", got)
	}
}

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"", ".", "..", "a/b", `C:\x\y.txt`, ".hidden", "a\u202egnp.exe", "x\x00y", strings.Repeat("ä", 300) + ".pdf", "CON", "a. ", "%00", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got := files.CleanName(in)
		switch {
		case got == "" || !utf8.ValidString(got) || utf8.RuneCountInString(got) > 120:
			t.Errorf("%q → %q", in, got)
		case strings.ContainsAny(got, `/\<>:"|?*%`) || strings.HasPrefix(got, ".") || strings.HasSuffix(got, " "):
			t.Errorf("%q → %q: dangerous", in, got)
		case strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
			t.Errorf("%q → %q: invisible", in, got)
		case files.CleanName(got) != got:
			t.Errorf("%q → %q → %q: not stable", in, got, files.CleanName(got))
		}
	})
}

// A second Store may open while the process before it still receives a file.
func TestOpenLeavesUploadsOfTheProcessBefore(t *testing.T) {
	dir := t.TempDir()
	if _, err := files.Open(dir, nil); err != nil {
		t.Fatal(err)
	}
	fresh, old := filepath.Join(dir, "tmp", "up-1"), filepath.Join(dir, "tmp", "up-2")
	for _, p := range []string{fresh, old} {
		if err := os.WriteFile(p, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Open(dir, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error("a file that is being received is gone")
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("what a crash left behind is still there")
	}
}
