package recording

import (
	"embed"
	"fmt"
	"os"
	"strings"

	"backline/gateway/media"
)

// notices are what both sides hear before they are recorded, by language; notice/make.sh made them.
//
//go:embed notice/de.opus notice/en.opus
var notices embed.FS

// Notices are the clips that announce a recording, by the name that media has them under: "notice/de". Files, by
// language, come in place of ours; the error says which one cannot be played.
func Notices(files map[string]string) (map[string][]byte, error) {
	clips := map[string][]byte{}
	for _, language := range []string{"de", "en"} {
		ogg, err := notices.ReadFile("notice/" + language + ".opus")
		if err != nil {
			return nil, err
		}
		clips["notice/"+language] = ogg
	}
	for language, path := range files {
		ogg, err := os.ReadFile(path)
		if err == nil {
			_, err = media.OpusPackets(ogg)
		}
		if err != nil {
			return nil, fmt.Errorf("the notice in %s: %w", language, err)
		}
		clips["notice/"+strings.ToLower(language)] = ogg
	}
	return clips, nil
}

// NoticeFor chooses a clip: of the customer's language, else of the company's, else English.
func NoticeFor(clips map[string][]byte, languages ...string) string {
	for _, l := range languages {
		l = strings.ToLower(l)
		short, _, _ := strings.Cut(l, "-")
		for _, name := range []string{"notice/" + l, "notice/" + short} {
			if clips[name] != nil {
				return name
			}
		}
	}
	return "notice/en"
}
