package messenger

import (
	"cmp"
	"encoding/json"
	"net/url"
	"strings"

	"backline/gateway"
)

// Limits of attachments a message may bring.
const (
	maxAttachments = 50
	maxURLBytes    = 4096
	maxTitleBytes  = 300
)

// Reasons in gateway.Attachment.Error, for agents.
const (
	errNoAddress  = "Messenger sent no file or link with this."
	errBadAddress = "The address cannot be used."
)

// attachments reads what came with a message. One that cannot be read is named, not dropped.
func attachments(f map[string]json.RawMessage) []gateway.Attachment {
	var out []gateway.Attachment
	stickers := map[ident]bool{}
	for _, raw := range get[[]json.RawMessage](f, "attachments") {
		a := fieldsOf(raw)
		payload := fieldsOf(a["payload"])
		sticker := get[ident](payload, "sticker_id")
		// Until August 2026 one sticker came twice, as sticker and as image.
		if sticker != "" && stickers[sticker] {
			continue
		}
		stickers[sticker] = true
		if len(out) == maxAttachments {
			break
		}
		out = append(out, attachment(a, payload, sticker != ""))
	}
	return out
}

func attachment(a, payload map[string]json.RawMessage, sticker bool) gateway.Attachment {
	link := cmp.Or(get[string](payload, "url"), get[string](a, "url"))
	title := cmp.Or(get[someText](payload, "title"), get[someText](a, "title"))
	out := gateway.Attachment{Kind: "link", URL: link, Title: clean(string(title), maxTitleBytes)}
	switch kind := get[string](a, "type"); kind {
	case "image", "audio", "video", "file", "sticker":
		out.Kind = kind
		if sticker {
			out.Kind = "sticker"
		}
	case "location":
		out.Kind = "location"
		out.Title = place(out.Title, fieldsOf(payload["coordinates"]))
	case "appointment_booking":
		out.Title = strings.TrimSpace("Appointment " + string(get[someText](payload, "status")) + " " + string(get[someText](payload, "timezone")))
	case "template":
		out.Title = cmp.Or(out.Title, product(payload))
	case "fallback", "post", "ig_post", "reel", "ig_reel":
	default:
		out.Title = cmp.Or(out.Title, clean(kind, maxTitleBytes))
	}
	switch {
	case link == "":
		out.Error = errNoAddress
	case link != "" && !webAddress(link):
		out.URL, out.Error = "", errBadAddress
	}
	return out
}

// webAddress: only those may be shown as links or fetched. Where they may lead is judged when fetching.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxURLBytes && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

func place(title string, c map[string]json.RawMessage) string {
	lat, long := get[json.Number](c, "lat"), get[json.Number](c, "long")
	if lat == "" || long == "" {
		return title
	}
	return strings.TrimSpace(title + " (" + clip(lat.String(), 20) + ", " + clip(long.String(), 20) + ")")
}

// product names the first thing of a template.
func product(payload map[string]json.RawMessage) string {
	list := get[[]json.RawMessage](fieldsOf(payload["product"]), "elements")
	if len(list) == 0 {
		list = get[[]json.RawMessage](payload, "elements")
	}
	if len(list) == 0 {
		return ""
	}
	p := fieldsOf(list[0])
	parts := []string{string(get[someText](p, "title")), string(get[someText](p, "subtitle"))}
	return clean(strings.Trim(strings.Join(parts, ", "), ", "), maxTitleBytes)
}
