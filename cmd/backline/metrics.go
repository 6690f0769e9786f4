package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"backline/gateway/calls"
)

// metrics are what /metrics shows. No label holds anything of a person.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	rejected *prometheus.CounterVec
	panics   prometheus.Counter
	lines    *lineMetrics
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "backline_http_requests_total",
			Help: "Requests answered, by route and status."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "backline_http_request_seconds",
			Help: "Time to answer, by route. Sockets count from upgrade to close.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}},
			[]string{"route"}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "backline_webhook_rejected_total",
			Help: "Webhooks refused, by channel and reason (signature, too_large, malformed)."}, []string{"channel", "reason"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{Name: "backline_panics_total", Help: "Requests that hit a bug."}),
	}
	m.lines = newLineMetrics(m.registry)
	m.registry.MustRegister(m.requests, m.seconds, m.rejected, m.panics, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// reject returns a channel's counter of refused webhooks.
func (m *metrics) reject(channel string) func(reason string) {
	return func(reason string) { m.rejected.WithLabelValues(channel, reason).Inc() }
}

func (m *metrics) done(route string, status int, took time.Duration) {
	if route == "" {
		route = "none" // no route matched: the path itself would be an unbounded label
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// watch adds what the parts count themselves.
func (m *metrics) watch(a *App) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	counter := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
	}
	gauge("backline_journal_position", "Events in the journal.", func() float64 { return float64(a.live.Head()) })
	gauge("backline_history_position", "Position up to which the history has everything: behind backline_journal_position it is being built.", func() float64 { return float64(a.history.Applied()) })
	counter("backline_journal_appends_total", "Appends that became durable.", func() float64 { return float64(a.journal.disk.Stats().Appends) })
	counter("backline_journal_batches_total", "Commits; appends per batch shows the group commit.", func() float64 { return float64(a.journal.disk.Stats().Batches) })
	counter("backline_journal_fsync_seconds_total", "Time spent in commits.", func() float64 { return a.journal.disk.Stats().Fsync.Seconds() })
	if s := a.journal.spool; s != nil {
		gauge("backline_spool_pending", "Facts accepted here that the shared journal has not ordered yet.", func() float64 { return float64(s.State().Pending) })
		gauge("backline_store_away_seconds", "How long the shared journal has been away; 0: it is there.", func() float64 {
			if since := s.State().Away; !since.IsZero() {
				return time.Since(since).Seconds()
			}
			return 0
		})
		counter("backline_spool_repeats_total", "Facts brought to the shared journal once more, because it had not shown them.", func() float64 { return float64(s.State().Repeats) })
		gauge("backline_leads", "1 where this gateway decides for all.", func() float64 {
			if a.leads() {
				return 1
			}
			return 0
		})
	}
	gauge("backline_conversations_waiting", "Conversations that wait for an agent.", func() float64 { return float64(a.live.Stats().Waiting) })
	gauge("backline_consoles", "Open console sockets.", func() float64 { return float64(a.live.Stats().Consoles) })
	gauge("backline_visitors", "Open visitor sockets.", func() float64 { return float64(a.live.Stats().Visitors) })
	gauge("backline_outbox_pending", "Messages not yet delivered or failed.", func() float64 { return float64(a.outbox.Stats().Pending) })
	gauge("backline_outbox_providers_down", "Providers that are shut off and probed.", func() float64 { return float64(a.outbox.Stats().Down) })
	gauge("backline_emergency", "1 while the emergency switch is on.", func() float64 {
		if on, _, _ := a.live.EmergencyStats(); on {
			return 1
		}
		return 0
	})
	counter("backline_emergency_switches_total", "Changes of the emergency switch in the whole journal.", func() float64 {
		_, switched, _ := a.live.EmergencyStats()
		return float64(switched)
	})
	counter("backline_emergency_answers_total", "Automatic answers of emergencies since the start.", func() float64 {
		_, _, answered := a.live.EmergencyStats()
		return float64(answered)
	})
	if a.calls != nil {
		gauges := func(state string, of func(calls.Stats) int) {
			m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "backline_calls", Help: "Calls, by what is going on in them.",
				ConstLabels: prometheus.Labels{"state": state}}, func() float64 { return float64(of(a.calls.Stats())) }))
		}
		meetings := func(name, help string, of func(meetings, people, waiting int) int) {
			gauge(name, help, func() float64 { return float64(of(a.meetings.Stats())) })
		}
		meetings("backline_meetings", "Video meetings that are open.", func(m, _, _ int) int { return m })
		meetings("backline_meeting_people", "People in video meetings.", func(_, p, _ int) int { return p })
		meetings("backline_meeting_lobby", "People who wait to be let in.", func(_, _, w int) int { return w })
		gauges("unheard", func(s calls.Stats) int { return s.Unheard })
		gauges("waiting", func(s calls.Stats) int { return s.Waiting })
		gauges("ringing", func(s calls.Stats) int { return s.Ringing })
		gauges("answered", func(s calls.Stats) int { return s.Answered })
		gauges("connected", func(s calls.Stats) int { return s.Connected })
	}
	counter("backline_outbox_sent_total", "Messages that a provider took.", func() float64 { return float64(a.outbox.Stats().Sent) })
	counter("backline_outbox_failed_total", "Messages given up.", func() float64 { return float64(a.outbox.Stats().Failed) })
	counter("backline_outbox_uncertain_total", "Messages whose outcome nobody knows.", func() float64 { return float64(a.outbox.Stats().Uncertain) })
}
