package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// typeOf names a server's frame. The names are the protocol.
func typeOf(frame any) (string, error) {
	switch frame.(type) {
	case ConsoleWelcome, VisitorWelcome, MeetWelcome:
		return "welcome", nil
	case ConsoleList:
		return "list", nil
	case ConsoleReady, VisitorReady:
		return "ready", nil
	case ConsoleUpdate:
		return "update", nil
	case ConsoleAgents:
		return "agents", nil
	case ConsoleQueues:
		return "queues", nil
	case ConsoleAlarms:
		return "alarms", nil
	case ConsoleTyping, VisitorTyping:
		return "typing", nil
	case ConsoleViewing:
		return "viewing", nil
	case ConsoleOnline:
		return "online", nil
	case Ack, VisitorAck, MeetAck:
		return "ack", nil
	case Pong:
		return "pong", nil
	case Bye:
		return "bye", nil
	case ConsoleEmergency:
		return "emergency", nil
	case CallQuality:
		return "call.quality", nil
	case CallPeer:
		return "call.peer", nil
	case CallAnswer:
		return "call.answer", nil
	case ConsoleMeet:
		return "meet", nil
	case MeetPlace:
		return "place", nil
	case MeetRoom:
		return "room", nil
	case MeetSlots:
		return "slots", nil
	case MeetAnswer:
		return "answer", nil
	case MeetChat:
		return "chat", nil
	case MeetMuted:
		return "muted", nil
	case VisitorItem:
		return "item", nil
	case VisitorStatus:
		return "status", nil
	}
	return "", fmt.Errorf("wire: %T is not a frame", frame)
}

// Encoded is a frame that Marshal has written, at another node.
type Encoded []byte

// Marshal writes a server's frame as one JSON object with its type in "t".
func Marshal(frame any) ([]byte, error) {
	if e, ok := frame.(Encoded); ok {
		return e, nil
	}
	t, err := typeOf(frame)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(frame)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(len(body) + len(t) + 8)
	b.WriteString(`{"t":"` + t + `"`)
	if len(body) > 2 {
		b.WriteByte(',')
	}
	b.Write(body[1:])
	return b.Bytes(), nil
}
