package messenger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"backline/channels"
	"backline/gateway"
)

// Meta's limits of an attachment by URL.
const (
	maxImageBytes = 8 << 20
	maxFileBytes  = 25 << 20
)

// Bodies of the Send API.
type (
	recipient struct {
		ID string `json:"id"`
	}
	sendBody struct {
		Recipient recipient   `json:"recipient"`
		Type      string      `json:"messaging_type"`
		Tag       string      `json:"tag,omitempty"`
		Message   partMessage `json:"message"`
	}
	partMessage struct {
		Text       string          `json:"text,omitempty"`
		Attachment *partAttachment `json:"attachment,omitempty"`
		Metadata   string          `json:"metadata"`
	}
	partAttachment struct {
		Type    string      `json:"type"`
		Payload partPayload `json:"payload"`
	}
	partPayload struct {
		URL string `json:"url"`
	}
	sendAnswer struct {
		MessageID string `json:"message_id"`
	}
)

// Send hands a message to Meta, part after part. An error after the first part carries in Sent what is out.
func (c *Channel) Send(ctx context.Context, m channels.Outbound) (channels.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return channels.Receipt{}, err
	}
	if !slices.Contains(c.o.Pages, m.To.Account) || m.To.Remote == "" {
		return channels.Receipt{}, &channels.SendError{Code: channels.Rejected, Reason: "unknown_page"}
	}
	body := sendBody{Recipient: recipient{m.To.Remote}, Type: "RESPONSE"}
	if !allowed(&body, m, time.Now()) {
		return channels.Receipt{}, &channels.SendError{Code: channels.WindowClosed}
	}
	parts := partsOf(m)
	if len(parts) == 0 {
		return channels.Receipt{}, &channels.SendError{Code: channels.Rejected, Reason: "empty"}
	}
	r := channels.Receipt{State: gateway.DeliverySent}
	var sentAnyway *channels.SendError
	for _, p := range parts {
		body.Message = p
		mid, err := c.sendPart(ctx, &body, m)
		switch {
		case err == nil:
			r.ProviderIDs = append(r.ProviderIDs, mid)
		case err.Code == channels.SentAnyway:
			sentAnyway = err // the parts behind it must follow
		default:
			err.Sent = r.ProviderIDs
			return channels.Receipt{}, err
		}
	}
	if sentAnyway != nil {
		sentAnyway.Sent = r.ProviderIDs
		return channels.Receipt{}, sentAnyway
	}
	return r, nil
}

// allowed sets the messaging type that the reply window asks for.
func allowed(body *sendBody, m channels.Outbound, now time.Time) bool {
	switch Window(m.LastInbound, now).State {
	case windowOpen:
		return true
	case windowHuman:
		body.asHuman()
		return m.Human
	}
	return false
}

func (b *sendBody) asHuman() { b.Type, b.Tag = "MESSAGE_TAG", "HUMAN_AGENT" }

// sendPart sends one part. Meta's clock decides about the window: where it is over for Meta and not yet for
// us, a human's text goes out once more with the tag, which is no second delivery.
func (c *Channel) sendPart(ctx context.Context, body *sendBody, m channels.Outbound) (string, *channels.SendError) {
	mid, err := c.post(ctx, m.To.Account, body)
	if err != nil && err.Code == channels.WindowClosed && m.Human && body.Tag == "" {
		body.asHuman()
		mid, err = c.post(ctx, m.To.Account, body)
	}
	return mid, err
}

func (c *Channel) post(ctx context.Context, page string, body *sendBody) (string, *channels.SendError) {
	var answer sendAnswer
	if err := c.call(ctx, http.MethodPost, page+"/messages", nil, body, &answer); err != nil {
		if e, ok := errors.AsType[*channels.SendError](err); ok {
			return "", e
		}
		return "", &channels.SendError{Code: channels.Uncertain, Err: err}
	}
	if answer.MessageID == "" {
		return "", &channels.SendError{Code: channels.Uncertain, Reason: "answer", Err: errors.New("graph's answer names no message")}
	}
	return answer.MessageID, nil
}

// partsOf cuts a message into what Meta takes, each with the metadata that its echo will bring back.
func partsOf(m channels.Outbound) []partMessage {
	var parts []partMessage
	for _, text := range split(m.Text, maxTextUnits) {
		parts = append(parts, partMessage{Text: text})
	}
	for _, f := range m.Attachments {
		parts = append(parts, filePart(f))
	}
	for i := range parts {
		parts[i].Metadata = string(m.Key)
		if i < len(parts)-1 {
			parts[i].Metadata += fmt.Sprintf("#%d/%d", i+1, len(parts))
		}
	}
	return parts
}

// filePart sends a file by its URL, or, when Meta would not take so much, the URL itself.
func filePart(f channels.OutboundFile) partMessage {
	kind := f.Kind
	if !slices.Contains([]string{"image", "audio", "video"}, kind) || (kind == "image" && f.SizeBytes > maxImageBytes) {
		kind = "file"
	}
	if f.SizeBytes > maxFileBytes {
		return partMessage{Text: strings.TrimSpace(clip(f.Name, 200) + "\n" + f.URL)}
	}
	return partMessage{Attachment: &partAttachment{Type: kind, Payload: partPayload{URL: f.URL}}}
}
