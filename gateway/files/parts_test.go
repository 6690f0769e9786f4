package files_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/files"
)

// sound begins like what a browser records; the rest tells where each byte belongs.
func sound(size int) []byte {
	b := append([]byte("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm"), make([]byte, size)...)[:size]
	for i := 20; i < size; i++ {
		b[i] = byte(i * 7)
	}
	return b
}

func content(t *testing.T, s *files.Store, id gateway.FileID) []byte {
	t.Helper()
	f, err := s.Content(id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPiecesBecomeOneFile(t *testing.T) {
	s, dir := open(t)
	want := sound(1000)
	for at := 0; at < len(want); at += 300 {
		piece := want[at:min(at+300, len(want))]
		have, err := s.Add("clip", int64(at), piece, 5000)
		if err != nil || have != int64(at+len(piece)) {
			t.Fatalf("piece at %d: %d, %v", at, have, err)
		}
		// The answer was lost: the same piece comes again and changes nothing.
		if have, err := s.Add("clip", int64(at), piece, 5000); kindOf(err) != gateway.Conflicting || have != int64(at+len(piece)) {
			t.Fatalf("the piece at %d again: %d, %v", at, have, err)
		}
	}
	if _, err := s.Finish(t.Context(), "clip", "v", "audio/webm", "audio", 999); kindOf(err) != gateway.Conflicting {
		t.Errorf("finished at another size: %v", err)
	}
	m, err := s.Finish(t.Context(), "clip", "Voice message", "audio/webm;codecs=opus", "audio", 1000)
	if err != nil || m.Kind != "audio" || m.Name != "Voice message.webm" || m.SizeBytes != 1000 {
		t.Fatalf("%+v, %v", m, err)
	}
	if !bytes.Equal(content(t, s, m.ID), want) {
		t.Error("the file is not what was sent")
	}
	again, err := s.Finish(t.Context(), "clip", "Voice message", "audio/webm", "audio", 1000)
	if err != nil || again != m {
		t.Errorf("finished again: %+v, %v", again, err)
	}
	if have, err := s.Have("clip"); have != 1000 || err != nil {
		t.Errorf("of a stored one there are %d bytes, %v", have, err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "parts")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUploadsOfOthersAreApart(t *testing.T) {
	s, _ := open(t)
	for _, key := range []string{"a", "b"} {
		if _, err := s.Add(key, 0, sound(100), 100); err != nil {
			t.Fatal(err)
		}
	}
	a, err := s.Finish(t.Context(), "a", "v", "audio/webm", "audio", 100)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Finish(t.Context(), "b", "v", "audio/webm", "audio", 100)
	if err != nil || a.ID == b.ID {
		t.Errorf("%v and %v, %v", a.ID, b.ID, err)
	}
}

func TestPiecesHaveLimits(t *testing.T) {
	s, _ := open(t)
	if _, err := s.Add("clip", 0, sound(101), 100); kindOf(err) != gateway.TooLarge {
		t.Errorf("too large: %v", err)
	}
	if have, err := s.Add("clip", 50, sound(10), 100); kindOf(err) != gateway.Conflicting || have != 0 {
		t.Errorf("a piece after a hole: %d, %v", have, err)
	}
	if _, err := s.Finish(t.Context(), "clip", "v", "audio/webm", "audio", 0); kindOf(err) != gateway.Conflicting {
		t.Errorf("an empty one: %v", err)
	}
	if _, err := s.Add("clip", 0, []byte("<html><script>alert(1)</script>"), 100); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Finish(t.Context(), "clip", "v.webm", "audio/webm", "audio", 31); kindOf(err) != gateway.Invalid {
		t.Errorf("a page as sound: %v", err)
	}
	if _, err := s.Add("picture", 0, []byte(pngBytes), 100); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Finish(t.Context(), "picture", "v", "audio/webm", "audio", int64(len(pngBytes))); kindOf(err) != gateway.Invalid {
		t.Errorf("a picture as sound: %v", err)
	}
}

func TestUploadsNobodyAddsToAreRemoved(t *testing.T) {
	s, _ := open(t)
	if _, err := s.Add("clip", 0, sound(100), 100); err != nil {
		t.Fatal(err)
	}
	if err := s.SweepParts(time.Now().Add(files.PartsLast - time.Hour)); err != nil {
		t.Fatal(err)
	}
	if have, _ := s.Have("clip"); have != 100 {
		t.Errorf("%d bytes are left of what may come back", have)
	}
	if err := s.SweepParts(time.Now().Add(files.PartsLast + time.Hour)); err != nil {
		t.Fatal(err)
	}
	if have, _ := s.Have("clip"); have != 0 {
		t.Errorf("%d bytes are still there", have)
	}
}

func TestTwoLinesOfOneUploadDoNotMix(t *testing.T) {
	s, _ := open(t)
	want := sound(4000)
	var both sync.WaitGroup
	for range 4 {
		both.Go(func() {
			for at := int64(0); at < int64(len(want)); {
				have, err := s.Add("clip", at, want[at:min(at+100, int64(len(want)))], 4000)
				if err != nil && kindOf(err) != gateway.Conflicting {
					t.Error(err)
					return
				}
				at = have
			}
		})
	}
	both.Wait()
	m, err := s.Finish(t.Context(), "clip", "v", "audio/webm", "audio", 4000)
	if err != nil || !bytes.Equal(content(t, s, m.ID), want) {
		t.Errorf("%+v, %v", m, err)
	}
}

// A process that adds pieces is killed at any moment, again and again; its successor goes on with what it finds.
func TestUploadSurvivesKill(t *testing.T) {
	if dir := os.Getenv("PIECES_OF"); dir != "" {
		sendPieces(t, dir)
		return
	}
	dir := t.TempDir()
	for round := 0; ; round++ {
		// Not of the test's context: it is killed by time.
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(30+round*7)*time.Millisecond)
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestUploadSurvivesKill$")
		cmd.Env = append(os.Environ(), "PIECES_OF="+dir)
		out, err := cmd.CombinedOutput()
		cancel()
		if strings.Contains(string(out), "went wrong") {
			t.Fatalf("round %d: %s", round, out)
		}
		if err == nil {
			t.Logf("whole after %d kills", round)
			break
		}
		if round > 200 {
			t.Fatalf("not whole after %d rounds: %v\n%s", round, err, out)
		}
	}
	s, err := files.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Finish(t.Context(), "clip", "v", "audio/webm", "audio", piecesSize)
	if err != nil || !bytes.Equal(content(t, s, m.ID), sound(piecesSize)) {
		t.Errorf("%+v, %v", m, err)
	}
}

const piecesSize = 20_000

// sendPieces is the process that is killed: it goes on from what is there. Each piece that is confirmed must be
// there for its successor.
func sendPieces(t *testing.T, dir string) {
	s, err := files.Open(dir, nil)
	if err != nil {
		t.Fatalf("went wrong: %v", err)
	}
	noted := filepath.Join(dir, "confirmed")
	have, err := s.Have("clip")
	if err != nil {
		t.Fatalf("went wrong: %v", err)
	}
	if b, err := os.ReadFile(noted); err == nil {
		if n, _ := strconv.ParseInt(string(b), 10, 64); have < n {
			t.Fatalf("went wrong: %d bytes were confirmed, %d are there", n, have)
		}
	}
	want := sound(piecesSize)
	for have < piecesSize {
		if have, err = s.Add("clip", have, want[have:min(have+500, piecesSize)], piecesSize); err != nil {
			t.Fatalf("went wrong: %v", err)
		}
		if err := os.WriteFile(noted+".new", []byte(strconv.FormatInt(have, 10)), 0o600); err != nil {
			t.Fatalf("went wrong: %v", err)
		}
		if err := os.Rename(noted+".new", noted); err != nil {
			t.Fatalf("went wrong: %v", err)
		}
	}
	if _, err := s.Finish(t.Context(), "clip", "v", "audio/webm", "audio", piecesSize); err != nil {
		t.Fatalf("went wrong: %v", err)
	}
}
