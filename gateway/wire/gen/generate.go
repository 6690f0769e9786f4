package main

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/wire"
)

// frame is one member of a union, with the name it has in "t".
type frame struct {
	t     string
	value any
}

// union is all frames of one direction of one socket.
type union struct {
	name   string
	doc    string
	server bool
	frames []frame
}

func unions() []union {
	return []union{
		{"ConsoleServerFrame", "What the gateway says to the console.", true, []frame{
			{"welcome", wire.ConsoleWelcome{}}, {"list", wire.ConsoleList{}}, {"ready", wire.ConsoleReady{}},
			{"update", wire.ConsoleUpdate{}}, {"agents", wire.ConsoleAgents{}}, {"queues", wire.ConsoleQueues{}},
			{"alarms", wire.ConsoleAlarms{}}, {"typing", wire.ConsoleTyping{}}, {"viewing", wire.ConsoleViewing{}},
			{"online", wire.ConsoleOnline{}}, {"emergency", wire.ConsoleEmergency{}}, {"call.peer", wire.CallPeer{}},
			{"call.quality", wire.CallQuality{}},
			{"meet", wire.ConsoleMeet{}}, {"ack", wire.Ack{}}, {"pong", wire.Pong{}}, {"bye", wire.Bye{}},
		}},
		{"ConsoleClientFrame", "What the console says.", false, []frame{
			{"hello", wire.ConsoleHello{}}, {"ping", wire.Ping{}}, {"cmd", wire.Command{}},
		}},
		{"VisitorServerFrame", "What the gateway says to the widget.", true, []frame{
			{"welcome", wire.VisitorWelcome{}}, {"item", wire.VisitorItem{}}, {"ready", wire.VisitorReady{}},
			{"status", wire.VisitorStatus{}}, {"ack", wire.VisitorAck{}}, {"typing", wire.VisitorTyping{}},
			{"call.answer", wire.CallAnswer{}}, {"call.peer", wire.CallPeer{}}, {"pong", wire.Pong{}}, {"bye", wire.Bye{}},
		}},
		{"VisitorClientFrame", "What the widget says.", false, []frame{
			{"hello", wire.VisitorHello{}}, {"ping", wire.Ping{}}, {"message", wire.VisitorMessage{}},
			{"contact", wire.VisitorContact{}}, {"seen", wire.VisitorSeen{}}, {"typing", wire.VisitorIsTyping{}},
			{"call.offer", wire.VisitorOffer{}}, {"call.hangup", wire.VisitorHangup{}},
			{"call.consent", wire.VisitorConsent{}},
		}},
		{"MeetServerFrame", "What the gateway says to the page of a meeting.", true, []frame{
			{"welcome", wire.MeetWelcome{}}, {"place", wire.MeetPlace{}}, {"room", wire.MeetRoom{}}, {"slots", wire.MeetSlots{}},
			{"answer", wire.MeetAnswer{}}, {"chat", wire.MeetChat{}}, {"ack", wire.MeetAck{}}, {"muted", wire.MeetMuted{}},
			{"pong", wire.Pong{}}, {"bye", wire.Bye{}},
		}},
		{"MeetClientFrame", "What the page of a meeting says.", false, []frame{
			{"hello", wire.MeetHello{}}, {"ping", wire.Ping{}}, {"join", wire.MeetJoin{}}, {"offer", wire.MeetOffer{}},
			{"want", wire.MeetWant{}}, {"media", wire.MeetMedia{}}, {"say", wire.MeetSay{}}, {"do", wire.MeetDo{}},
			{"consent", wire.MeetConsent{}}, {"leave", wire.MeetLeave{}},
		}},
	}
}

// literals are the string types whose values are closed sets.
func literals() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[gateway.State](): oneOf(gateway.StateWaiting, gateway.StateOffered, gateway.StateActive,
			gateway.StateWrapUp, gateway.StateClosed),
		reflect.TypeFor[gateway.Presence](): oneOf(gateway.PresenceReady, gateway.PresenceBusy,
			gateway.PresenceWrapUp, gateway.PresenceAway, gateway.PresenceOffline),
		// A conversation without a message has no direction of its preview.
		reflect.TypeFor[gateway.Direction](): oneOf(gateway.Inbound, gateway.Outbound) + ` | ""`,
		reflect.TypeFor[gateway.Delivery](): oneOf(gateway.DeliveryPending, gateway.DeliverySent,
			gateway.DeliveryDelivered, gateway.DeliveryRead, gateway.DeliveryFailed, gateway.DeliveryUncertain),
		reflect.TypeFor[gateway.Kind](): oneOf(gateway.NotFound, gateway.Invalid, gateway.Forbidden,
			gateway.Unauthorized, gateway.Conflicting, gateway.TooLarge, gateway.TooMany, gateway.Unavailable,
			gateway.Internal),
		reflect.TypeFor[gateway.LegRole](): oneOf(gateway.RoleConsult, gateway.RoleGuest, gateway.RoleListen,
			gateway.RoleWhisper, gateway.RoleBarge),
		reflect.TypeFor[wire.RecordingState](): oneOf(wire.RecordingAsked, wire.RecordingRefused, wire.RecordingNotice, wire.RecordingOn,
			wire.RecordingStopped, wire.RecordingFailed),
		reflect.TypeFor[wire.RecordingAnswer](): oneOf(wire.AnswerNone, wire.AnswerAgreed, wire.AnswerRefused),
		reflect.TypeFor[wire.CallState]():       oneOf(wire.CallWaiting, wire.CallRinging, wire.CallAnswered, wire.CallConnected),
	}
}

func oneOf[S ~string](values ...S) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = fmt.Sprintf("%q", string(v))
	}
	return strings.Join(quoted, " | ")
}

// writer collects declarations in the order in which the frames need them.
type writer struct {
	literals map[reflect.Type]string
	seen     map[reflect.Type]bool
	decls    []string
}

// Generate returns the file's text. It is the same on every run.
func Generate() string {
	w := &writer{literals: literals(), seen: map[reflect.Type]bool{}}
	var tail strings.Builder
	for _, u := range unions() {
		fmt.Fprintf(&tail, "/** %s */\nexport type %s =\n", u.doc, u.name)
		for i, f := range u.frames {
			end := "\n"
			if i == len(u.frames)-1 {
				end = ";\n\n"
			}
			fmt.Fprintf(&tail, "  | ({ t: %q } & %s)%s", f.t, w.ref(reflect.TypeOf(f.value)), end)
		}
	}
	return header() + strings.Join(w.decls, "\n") + "\n" + strings.TrimRight(tail.String(), "\n") + "\n"
}

func header() string {
	return fmt.Sprintf(`// Generated by gateway/wire/gen from package wire. Do not edit.

export const VERSION = %d;
export const MAX_FRAME_BYTES = %d;
export const MAX_SDP_BYTES = %d;
export const MAX_TEXT_RUNES = %d;
export const MAX_FILE_BYTES = %d;
export const MAX_ATTACHMENTS = %d;
export const MAX_VOICE_MS = %d;
export const VOICE_PIECE = %d;
export const PING_EVERY_MS = %d;

export const CLOSE_UNAUTHORIZED = %d;
export const CLOSE_PROTOCOL = %d;
export const CLOSE_FORBIDDEN = %d;
export const CLOSE_SLOW = %d;
export const CLOSE_RESTARTING = %d;
export const CLOSE_REPLACED = %d;

`, wire.Version, wire.MaxFrameBytes, wire.MaxSDPBytes, wire.MaxTextRunes, wire.MaxFileBytes, wire.MaxAttachments, wire.MaxVoiceMS, wire.VoicePiece,
		wire.PingEvery.Milliseconds(), wire.CloseUnauthorized, wire.CloseProtocol, wire.CloseForbidden,
		wire.CloseSlow, wire.CloseRestarting, wire.CloseReplaced)
}

// ref returns how t is written where it is used, declaring it first if it has a name.
func (w *writer) ref(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "string"
	case t.Kind() == reflect.Pointer:
		return w.ref(t.Elem()) + " | null"
	case t.Kind() == reflect.Slice:
		return w.ref(t.Elem()) + "[] | null"
	case t.Kind() == reflect.Map:
		return "Record<" + w.ref(t.Key()) + ", " + w.ref(t.Elem()) + "> | null"
	case t.Name() != "" && t.PkgPath() != "":
		w.declare(t)
		return t.Name()
	}
	return basic(t)
}

func basic(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
		return "number"
	}
	panic(fmt.Sprintf("gen: no TypeScript for %s", t))
}

func (w *writer) declare(t reflect.Type) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	if t.Kind() != reflect.Struct {
		text := basic(t)
		if l, ok := w.literals[t]; ok {
			text = l
		}
		w.decls = append(w.decls, fmt.Sprintf("export type %s = %s;\n", t.Name(), text))
		return
	}
	if t.NumField() == 0 {
		w.decls = append(w.decls, fmt.Sprintf("export type %s = Record<never, never>;\n", t.Name()))
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "export interface %s {\n", t.Name())
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			panic(fmt.Sprintf("gen: %s.%s has no JSON name", t.Name(), f.Name))
		}
		ref, mark := w.ref(f.Type), ""
		if strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero") {
			ref, mark = strings.TrimSuffix(ref, " | null"), "?"
		}
		fmt.Fprintf(&b, "  %s%s: %s;\n", name, mark, ref)
	}
	b.WriteString("}\n")
	w.decls = append(w.decls, b.String())
}
