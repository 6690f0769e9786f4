package files

import (
	"archive/zip"
	"bytes"
	"io"
	"mime"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"backline/gateway"
)

// fileType is one allowed type. The first extension is the usual one.
type fileType struct {
	mime, kind string
	extensions []string
}

// The allowed types; the table never changes.
var (
	png  = fileType{"image/png", "image", []string{".png"}}
	jpeg = fileType{"image/jpeg", "image", []string{".jpg", ".jpeg"}}
	gif  = fileType{"image/gif", "image", []string{".gif"}}
	webp = fileType{"image/webp", "image", []string{".webp"}}

	mp3       = fileType{"audio/mpeg", "audio", []string{".mp3"}}
	ogg       = fileType{"audio/ogg", "audio", []string{".ogg", ".oga", ".opus"}}
	wav       = fileType{"audio/wav", "audio", []string{".wav"}}
	m4a       = fileType{"audio/mp4", "audio", []string{".m4a"}}
	webmAudio = fileType{"audio/webm", "audio", []string{".webm", ".weba"}}

	mp4  = fileType{"video/mp4", "video", []string{".mp4", ".m4v"}}
	webm = fileType{"video/webm", "video", []string{".webm"}}

	pdf  = fileType{"application/pdf", "file", []string{".pdf"}}
	docx = fileType{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "file", []string{".docx"}}
	xlsx = fileType{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "file", []string{".xlsx"}}
	pptx = fileType{"application/vnd.openxmlformats-officedocument.presentationml.presentation", "file", []string{".pptx"}}
	odt  = fileType{"application/vnd.oasis.opendocument.text", "file", []string{".odt"}}
	ods  = fileType{"application/vnd.oasis.opendocument.spreadsheet", "file", []string{".ods"}}

	plain = fileType{"text/plain", "file", []string{".txt", ".text", ".log", ".md"}}
	csv   = fileType{"text/csv", "file", []string{".csv"}}
	vcard = fileType{"text/vcard", "file", []string{".vcf", ".vcard"}}
)

// headBytes are looked at to tell the type.
const headBytes = 4096

// identify tells the type of a file from its content. The name and the declared type only choose between
// types that look the same.
func identify(f io.ReaderAt, size int64, name, declared string) (fileType, error) {
	head := make([]byte, min(size, headBytes))
	if _, err := f.ReadAt(head, 0); err != nil && err != io.EOF {
		return fileType{}, err
	}
	declared, _, _ = mime.ParseMediaType(declared)
	if t, ok := byMagic(head, declared); ok {
		return t, nil
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		if t, ok := office(f, size); ok {
			return t, nil
		}
	}
	if t, ok := textual(head, size, name); ok {
		return t, nil
	}
	return fileType{}, &gateway.Error{Kind: gateway.Invalid, Field: "file",
		Msg: "Files of this type are not accepted. Pictures, audio, video, PDF, office documents and text are."}
}

func byMagic(b []byte, declared string) (fileType, bool) {
	has := func(offset int, s string) bool {
		return len(b) >= offset+len(s) && string(b[offset:offset+len(s)]) == s
	}
	switch {
	case has(0, "\x89PNG\r\n\x1a\n"):
		return png, true
	case has(0, "\xff\xd8\xff"):
		return jpeg, true
	case has(0, "GIF87a"), has(0, "GIF89a"):
		return gif, true
	case has(0, "RIFF") && has(8, "WEBP"):
		return webp, true
	case has(0, "RIFF") && has(8, "WAVE"):
		return wav, true
	case has(0, "%PDF-"):
		return pdf, true
	case has(0, "OggS"):
		return ogg, true
	case has(0, "ID3"), has(0, "\xff\xfb"), has(0, "\xff\xf3"), has(0, "\xff\xf2"):
		return mp3, true
	case has(0, "\x1a\x45\xdf\xa3") && bytes.Contains(b[:min(len(b), 64)], []byte("webm")):
		if declared == "audio/webm" {
			return webmAudio, true
		}
		return webm, true
	case has(4, "ftypM4A"), has(4, "ftypM4B"):
		return m4a, true
	case has(4, "ftypisom"), has(4, "ftypiso"), has(4, "ftypmp4"), has(4, "ftypavc1"), has(4, "ftypM4V"), has(4, "ftypMSNV"), has(4, "ftypdash"):
		if declared == "audio/mp4" || declared == "audio/x-m4a" {
			return m4a, true
		}
		return mp4, true
	}
	return fileType{}, false
}

// maxEntries bounds the look into an archive.
const maxEntries = 10_000

// office looks into a ZIP for the part that makes it a document. One with macros is none.
func office(f io.ReaderAt, size int64) (t fileType, ok bool) {
	z, err := zip.NewReader(f, size)
	if err != nil || len(z.File) == 0 || len(z.File) > maxEntries {
		return t, false
	}
	types := false
	for _, e := range z.File {
		switch name := strings.ToLower(e.Name); {
		case strings.HasSuffix(name, "vbaproject.bin"):
			return t, false
		case name == "[content_types].xml":
			types = true
		case name == "word/document.xml":
			t = docx
		case name == "xl/workbook.xml":
			t = xlsx
		case name == "ppt/presentation.xml":
			t = pptx
		}
	}
	if types && t.mime != "" {
		return t, true
	}
	return openDocument(z.File[0])
}

func openDocument(first *zip.File) (fileType, bool) {
	if first.Name != "mimetype" {
		return fileType{}, false
	}
	r, err := first.Open()
	if err != nil {
		return fileType{}, false
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 100))
	for _, t := range []fileType{odt, ods} {
		if err == nil && string(b) == t.mime {
			return t, true
		}
	}
	return fileType{}, false
}

// textual accepts text that is named as such and does not look like markup or a script.
func textual(head []byte, size int64, name string) (fileType, bool) {
	if int64(len(head)) < size {
		head = cutRune(head)
	}
	if !utf8.Valid(head) || bytes.ContainsFunc(head, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\f", r) }) {
		return fileType{}, false
	}
	start := strings.ToUpper(strings.TrimSpace(strings.TrimPrefix(string(head), "\ufeff")))
	if strings.HasPrefix(start, "BEGIN:VCARD") {
		return vcard, true
	}
	if strings.HasPrefix(start, "<") || strings.HasPrefix(start, "#!") || strings.HasPrefix(start, "MZ") {
		return fileType{}, false
	}
	switch ext := strings.ToLower(filepath.Ext(CleanName(name))); {
	case ext == ".csv":
		return csv, true
	case ext == "" || plain.hasExtension(ext):
		return plain, true
	}
	return fileType{}, false
}

// cutRune drops a rune that the end of b splits.
func cutRune(b []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

func (t fileType) hasExtension(ext string) bool {
	for _, e := range t.extensions {
		if strings.EqualFold(e, ext) {
			return true
		}
	}
	return false
}

// name gives a clean name the extension of its type, so that a picture called setup.exe opens as a picture.
func (t fileType) name(clean string) string {
	if t.hasExtension(filepath.Ext(clean)) {
		return clean
	}
	return clean + t.extensions[0]
}

// maxNameRunes bounds a file's name, without an extension that is added.
const maxNameRunes = 120

// CleanName makes a file name of anything: the part after the last slash, without control and direction
// characters and those that some system forbids, never hidden, never empty, at most maxNameRunes.
func CleanName(name string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError || unicode.Is(unicode.Cf, r) || unicode.IsControl(r):
			return -1
		case strings.ContainsRune(`<>:"|?*%`, r):
			return '_'
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	name = strings.Trim(name, " .")
	if r := []rune(name); len(r) > maxNameRunes {
		ext := []rune(filepath.Ext(name))
		if len(ext) > 12 {
			ext = nil
		}
		name = strings.Trim(string(r[:maxNameRunes-len(ext)]), " .") + string(ext)
	}
	if name == "" {
		return "file"
	}
	return name
}
