package messengertest

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"hash/fnv"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// failure is an error as Graph words it.
type failure struct {
	status  int
	Message string `json:"message"`
	Type    string `json:"type"`
	Code    int    `json:"code"`
	Subcode int    `json:"error_subcode,omitempty"`
	Trace   string `json:"fbtrace_id"`
}

func fail(status, code, subcode int, message string) *failure {
	return &failure{status, message, "OAuthException", code, subcode, "AStandInTraceId000000"}
}

func bad(message string) *failure { return fail(http.StatusBadRequest, 100, 0, "(#100) "+message) }

// sendRequest is the body of the Send API, as far as this stand-in knows it.
type sendRequest struct {
	Recipient struct {
		ID string `json:"id"`
	} `json:"recipient"`
	SenderAction string `json:"sender_action"`
	Type         string `json:"messaging_type"`
	Tag          string `json:"tag"`
	Message      *struct {
		Text       string `json:"text"`
		Metadata   string `json:"metadata"`
		Attachment *struct {
			Type    string `json:"type"`
			Payload struct {
				URL string `json:"url"`
			} `json:"payload"`
		} `json:"attachment"`
	} `json:"message"`
}

func (w *World) serveMessages(rw http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<20))
	if err != nil {
		answer(rw, bad("The request is too large"), nil)
		return
	}
	var req sendRequest
	f := w.caller(r)
	if f == nil && json.Unmarshal(data, &req) != nil {
		f = bad("Invalid JSON")
	}
	if page := r.PathValue("page"); f == nil && page != w.o.Page && page != "me" {
		f = fail(http.StatusBadRequest, 100, 33, "Unsupported post request. Object does not exist or cannot be loaded due to missing permissions")
	}
	if f == nil && req.Recipient.ID != w.o.PSID {
		f = fail(http.StatusBadRequest, 100, 2018001, "(#100) No matching user found")
	}
	if f != nil {
		answer(rw, f, nil)
		return
	}
	if req.SenderAction != "" {
		answer(rw, w.act(req.SenderAction), map[string]string{"recipient_id": w.o.PSID})
		return
	}
	m, f := w.accept(&req)
	if f != nil {
		answer(rw, f, nil)
		return
	}
	answer(rw, nil, map[string]string{"recipient_id": w.o.PSID, "message_id": m.mid})
}

// caller checks who calls: version, token and proof.
func (w *World) caller(r *http.Request) *failure {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" {
		token = r.URL.Query().Get("access_token")
	}
	given := r.URL.Query().Get("appsecret_proof")
	switch {
	case r.PathValue("version") != w.o.Version:
		return fail(http.StatusBadRequest, 2500, 0, "Unknown path components: "+r.URL.Path)
	case token == "":
		return fail(http.StatusBadRequest, 104, 0, "An access token is required to request this resource.")
	case !hmac.Equal([]byte(token), []byte(w.o.PageToken)):
		return fail(http.StatusBadRequest, 190, 0, "Invalid OAuth access token.")
	case given == "":
		return &failure{http.StatusBadRequest, "API calls from the server require an appsecret_proof argument", "GraphMethodException", 100, 0, "AStandInTraceId000000"}
	case !hmac.Equal([]byte(given), []byte(sign(w.o.AppSecret, []byte(token)))):
		return &failure{http.StatusBadRequest, "Invalid appsecret_proof provided in the API argument", "GraphMethodException", 100, 0, "AStandInTraceId000000"}
	}
	return nil
}

func (w *World) act(action string) *failure {
	w.mu.Lock()
	switch action {
	case "typing_on":
		w.typingUntil = time.Now().Add(typingTime)
	case "typing_off":
		w.typingUntil = time.Time{}
	case "mark_seen":
	default:
		w.mu.Unlock()
		return bad("Param sender_action must be one of {MARK_SEEN, TYPING_ON, TYPING_OFF, REACT, UNREACT}")
	}
	w.mu.Unlock()
	w.ring()
	w.o.OnChange()
	return nil
}

// accept takes a message of the page and shows it on the phone.
func (w *World) accept(req *sendRequest) (*message, *failure) {
	if f := checkContent(req); f != nil {
		return nil, f
	}
	now := time.Now().UTC()
	m := &message{Message: Message{From: "page", Text: req.Message.Text, Status: Sent, At: now}, mid: newMID(), metadata: req.Message.Metadata}
	if a := req.Message.Attachment; a != nil {
		m.Media = a.Payload.URL
	}
	w.mu.Lock()
	if since := now.Sub(w.lastInbound); since >= humanWindow || (since >= window && req.Type != "MESSAGE_TAG") {
		w.mu.Unlock()
		return nil, fail(http.StatusBadRequest, 10, 2018278, "(#10) This message is sent outside of allowed window.")
	}
	w.show(m)
	w.typingUntil = time.Time{}
	w.pending = append(w.pending, m)
	if extra := len(w.pending) - maxMessages; extra > 0 {
		w.pending = slices.Delete(w.pending, 0, extra) // nobody runs Run
	}
	w.mu.Unlock()
	w.ring()
	w.o.OnChange()
	return m, nil
}

func checkContent(req *sendRequest) *failure {
	switch req.Type {
	case "RESPONSE", "UPDATE":
	case "MESSAGE_TAG":
		if req.Tag != "HUMAN_AGENT" {
			return bad("Param tag must be one of {HUMAN_AGENT}")
		}
	default:
		return bad("Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG, UTILITY}")
	}
	m := req.Message
	switch {
	case m == nil || (m.Text == "") == (m.Attachment == nil):
		return bad("Param message must have either a text or an attachment")
	case len(utf16.Encode([]rune(m.Text))) > 2000:
		return bad("Length of param message[text] must be less than or equal to 2000")
	case len(m.Metadata) >= 1000:
		return bad("Length of param message[metadata] must be less than 1000")
	}
	if a := m.Attachment; a != nil {
		if !slices.Contains([]string{"image", "audio", "video", "file"}, a.Type) {
			return bad("Param message[attachment][type] must be one of {audio, file, image, video, template}")
		}
		if u, err := url.Parse(a.Payload.URL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fail(http.StatusBadRequest, 100, 2018008, "(#100) Failed to fetch the file from the url.")
		}
	}
	return nil
}

// serveProfile is the User Profile API. It tells only the fields asked for.
func (w *World) serveProfile(rw http.ResponseWriter, r *http.Request) {
	if f := w.caller(r); f != nil {
		answer(rw, f, nil)
		return
	}
	if r.PathValue("node") != w.o.PSID {
		answer(rw, fail(http.StatusBadRequest, 100, 33, "Unsupported get request. Object does not exist or cannot be loaded due to missing permissions"), nil)
		return
	}
	first, last, _ := strings.Cut(w.o.CustomerName, " ")
	all := map[string]string{"first_name": first, "last_name": last, "profile_pic": w.o.BaseURL + "/picture/" + url.PathEscape(w.o.PSID) + ".png"}
	out := map[string]string{"id": w.o.PSID}
	for f := range strings.SplitSeq(r.URL.Query().Get("fields"), ",") {
		if v := all[f]; v != "" {
			out[f] = v
		}
	}
	answer(rw, nil, out)
}

// serveSubscription tells whether the app is subscribed to the page, or subscribes it.
func (w *World) serveSubscription(rw http.ResponseWriter, r *http.Request) {
	f := w.caller(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case f != nil:
		answer(rw, f, nil)
	case r.Method == http.MethodGet && w.off:
		answer(rw, nil, map[string]any{"data": []any{}})
	case r.Method == http.MethodGet:
		answer(rw, nil, map[string]any{"data": []any{map[string]any{"name": "Backline", "id": w.o.AppID, "subscribed_fields": []string{"messages"}}}})
	case w.refuse:
		answer(rw, fail(http.StatusForbidden, 200, 0, "(#200) Requires pages_manage_metadata permission to manage the object"), nil)
	case !strings.Contains(","+r.URL.Query().Get("subscribed_fields")+",", ",messages,"):
		answer(rw, bad("Param subscribed_fields must hold messages"), nil)
	default:
		w.off = false
		answer(rw, nil, map[string]any{"success": true})
	}
}

// servePicture draws a face in a colour of the name's own.
func (w *World) servePicture(rw http.ResponseWriter, r *http.Request) {
	const size = 96
	h := fnv.New32a()
	_, _ = io.WriteString(h, w.o.CustomerName) // a hash returns no error
	n := h.Sum32()
	back := color.RGBA{uint8(96 + n%96), uint8(96 + n>>8%96), uint8(96 + n>>16%96), 255}
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			c := back
			head, body := (x-48)*(x-48)+(y-36)*(y-36), (x-48)*(x-48)+(y-96)*(y-96)
			if head < 18*18 || body < 36*36 {
				c = color.RGBA{255, 255, 255, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		http.Error(rw, "no picture", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "image/png")
	_, _ = rw.Write(b.Bytes()) // the reader left
}

func (w *World) serveMedia(rw http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PathValue("n"))
	w.mu.Lock()
	data := w.media[n]
	w.mu.Unlock()
	if err != nil || data == nil {
		http.NotFound(rw, r)
		return
	}
	rw.Header().Set("Content-Type", http.DetectContentType(data))
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = rw.Write(data) // the reader left
}

// answer writes a failure, or else what was asked for.
func answer(rw http.ResponseWriter, f *failure, v any) {
	rw.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if f != nil {
		rw.WriteHeader(f.status)
		v = map[string]any{"error": f}
	}
	_ = json.NewEncoder(rw).Encode(v) // the caller left
}
