package conversation

import (
	"backline/gateway"
	"backline/gateway/wire"
)

// recordingWantedBy: an agent's wish stands in the conversation's stream, that of the queue's rule in the thread's.
func (f *Fold) recordingWantedBy(r Record, e gateway.CallRecordingWanted) {
	if _, rule := threadOf(r.Stream); !rule {
		f.applyToConversation(r)
		return
	}
	if c := f.callOf(r, e.Call); c != nil && c.Head.Call.Recording == nil && f.recordingWanted(r, c, c.Head.Call, e) {
		f.emitCall(r, c)
		f.touch(r, c)
	}
}

// recordingWanted: it is asked for, or announced, from now on.
func (f *Fold) recordingWanted(r Record, c *Conversation, call *wire.Call, e gateway.CallRecordingWanted) bool {
	if wanted(call.Recording) {
		return false
	}
	was := call.Recording
	call.Recording = &wire.CallRecording{State: wire.RecordingNotice, By: e.By, Since: r.At, Ask: e.Ask}
	if was != nil { // they have agreed before
		call.Recording.AgreedAt, call.Recording.AgreedIn = was.AgreedAt, was.AgreedIn
	}
	if e.Ask && call.Recording.AgreedAt == nil {
		call.Recording.State = wire.RecordingAsked
	}
	return true
}

// wanted reports whether a call is recorded, or will be when it can.
func wanted(r *wire.CallRecording) bool {
	return r != nil && r.State != wire.RecordingStopped && r.State != wire.RecordingFailed
}

func (f *Fold) recordingStopped(r Record, c *Conversation, call *wire.Call, e gateway.CallRecordingStopped) bool {
	if !wanted(call.Recording) {
		return false
	}
	f.recordingEvent(r, c, "recording_stopped", e.By)
	if e.By == "" { // the next queue may have a rule of its own
		call.Recording = nil
		return true
	}
	call.Recording.State, call.Recording.ID, call.Recording.Since = wire.RecordingStopped, "", r.At
	return true
}

func (f *Fold) recordingEvent(r Record, c *Conversation, name string, by gateway.AgentID) {
	f.event(r, c, name, map[string]string{"agent": string(by), "agent_name": f.nameOf(by)})
}

// recordingAnswered: the customer agrees, or does not (any more).
func (f *Fold) recordingAnswered(r Record, e gateway.CallRecordingAnswered) {
	c := f.callOf(r, e.Call)
	if c == nil || c.Head.Call.Recording == nil || !c.Head.Call.Recording.Ask {
		return
	}
	rec := c.Head.Call.Recording
	switch {
	case !e.Agreed && rec.State == wire.RecordingRefused, e.Agreed && rec.AgreedAt != nil:
		return
	case e.Agreed:
		at := r.At
		rec.AgreedAt, rec.AgreedIn = &at, e.Language
		if rec.State == wire.RecordingAsked || rec.State == wire.RecordingRefused {
			rec.State, rec.Since = wire.RecordingNotice, r.At
		}
		f.recordingEvent(r, c, "recording_agreed", "")
	default:
		rec.AgreedAt, rec.AgreedIn = nil, ""
		if wanted(rec) {
			rec.State, rec.ID, rec.Since = wire.RecordingRefused, "", r.At
		}
		f.recordingEvent(r, c, "recording_refused", "")
	}
	f.emitCall(r, c)
	f.touch(r, c)
}

func (f *Fold) recordingStarted(r Record, e gateway.CallRecordingStarted) {
	c := f.callOf(r, e.Call)
	if c == nil {
		return
	}
	if it := c.item(callItemID(e.Call)); it != nil {
		it.Recordings = append(it.Recordings, e.Recording)
	}
	if rec := c.Head.Call.Recording; rec != nil && rec.State == wire.RecordingNotice {
		rec.State, rec.ID, rec.Since = wire.RecordingOn, e.Recording, r.At
		f.recordingEvent(r, c, "recording_on", e.By)
	}
	f.emitCall(r, c)
	f.touch(r, c)
}

// recordingEnded: of one that nobody stopped. After a restart of the gateway the call is announced and recorded
// anew.
func (f *Fold) recordingEnded(r Record, e gateway.CallRecordingEnded) {
	c := f.callOf(r, e.Call)
	if c == nil || c.Head.Call.Recording == nil || c.Head.Call.Recording.ID != e.Recording {
		return
	}
	rec := c.Head.Call.Recording
	rec.ID, rec.Since = "", r.At
	switch e.Reason {
	case gateway.RecordingRestart:
		rec.State = wire.RecordingNotice
	case gateway.RecordingFailed:
		rec.State = wire.RecordingFailed
		f.recordingEvent(r, c, "recording_failed", "")
	default:
		rec.State = wire.RecordingStopped
		f.recordingEvent(r, c, "recording_stopped", "")
	}
	f.emitCall(r, c)
	f.touch(r, c)
}

// WantRecording: the holder, or with an empty agent the queue's rule, wants the call recorded. ask: the customer must
// agree first.
func (c *Conversation) WantRecording(by gateway.AgentID, id gateway.CallID, ask bool) (gateway.Event, error) {
	call, err := c.recordable(by, id)
	if err != nil || call == nil || wanted(call.Recording) || by == "" && call.Recording != nil {
		return nil, err
	}
	return gateway.CallRecordingWanted{Call: id, By: by, Ask: ask}, nil
}

// StopRecording is the reverse.
func (c *Conversation) StopRecording(by gateway.AgentID, id gateway.CallID) (gateway.Event, error) {
	call, err := c.recordable(by, id)
	if err != nil || call == nil || !wanted(call.Recording) {
		return nil, err
	}
	return gateway.CallRecordingStopped{Call: id, By: by}, nil
}

// recordable returns the call, nil when it is over and nobody needs to be told.
func (c *Conversation) recordable(by gateway.AgentID, id gateway.CallID) (*wire.Call, error) {
	if by != "" {
		return c.holds(by, id)
	}
	if call := c.Head.Call; call != nil && call.ID == id {
		return call, nil
	}
	return nil, nil
}
