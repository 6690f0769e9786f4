package main

import (
	"net/http"
	"slices"
	"time"

	"backline/gateway"
	"backline/gateway/access"
	"backline/gateway/calls"
	"backline/gateway/journal"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/meet"
	"backline/gateway/recording"
)

// recordingRules says which queues' calls are recorded.
func (a *App) recordingRules() live.Recording {
	r := live.Recording{Queues: map[gateway.QueueID]string{}, Ask: a.config.Calls.Recording.Consent == "click"}
	for _, q := range a.config.Queues {
		if q.Recording != "off" {
			r.Queues[q.ID] = q.Recording
		}
	}
	return r
}

// meetingRecording is how meetings are recorded: as the calls of their conversation's queue.
func (a *App) meetingRecording() meet.Recording {
	rules := a.recordingRules()
	return meet.Recording{Recorder: a.recordings, Ask: rules.Ask, Rule: func(q gateway.QueueID) string { return rules.Queues[q] },
		Clip: func(language string) string {
			return recording.NoticeFor(a.notices, language, a.config.Company.Language)
		}}
}

// recordingClips reads what is played before a recording, where there may be one.
func (a *App) recordingClips(o *media.Options) (map[string][]byte, error) {
	if len(a.recordingRules().Queues) == 0 {
		return nil, nil
	}
	clips, err := recording.Notices(a.config.Calls.Recording.Notice)
	o.Clips, o.Levels, a.notices = clips, true, clips
	return clips, err
}

// callRecording is how calls are recorded; also where no queue has it, so that what was begun before is stopped.
func (a *App) callRecording(engine *media.Engine, clips map[string][]byte) calls.Recording {
	rules := a.recordingRules()
	return calls.Recording{Recorder: a.recordings, Ask: rules.Ask, Rule: func(q gateway.QueueID) string { return rules.Queues[q] },
		Clip: func(language string) (string, time.Duration) {
			name := recording.NoticeFor(clips, language, a.config.Company.Language)
			return name, engine.ClipTime(name)
		}}
}

func (a *App) applyRecordings(e journal.Event) {
	if err := a.recordings.Apply(e); err != nil {
		a.log.Error("recording's record not understood", "pos", e.Pos, "type", e.Type, "err", err)
	}
}

// mayHear: supervisors and administrators, agents of the queue, and who was in the call.
func (a *App) mayHear(r *http.Request, v recording.View) bool {
	p, ok := access.From(r.Context())
	if !ok {
		return false
	}
	if p.Role == access.RoleSupervisor || p.Role == access.RoleAdmin {
		return true
	}
	g, known := a.access.Agent(p.Agent)
	was := slices.ContainsFunc(v.Tracks, func(t recording.Track) bool { return p.Agent != "" && t.Side == "agent/"+string(p.Agent) })
	return was || known && slices.Contains(g.Queues, v.Queue)
}
