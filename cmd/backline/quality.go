package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"backline/gateway"
	"backline/gateway/httpx"
	"backline/gateway/journal"
	"backline/gateway/live"
	"backline/gateway/quality"
	"backline/gateway/wire"
)

// lineMetrics are how good the lines of calls are.
type lineMetrics struct {
	running, poor           *prometheus.GaugeVec
	mos, loss, jitter, trip *prometheus.HistogramVec
}

func newLineMetrics(r *prometheus.Registry) *lineMetrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"path"})
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{"path", "side"})
	}
	times := []float64{.005, .01, .02, .03, .05, .08, .12, .2, .3, .5, 1}
	m := &lineMetrics{
		running: gauge("backline_call_lines", "Lines of calls that are connected, by path (udp, tcp, relay)."),
		poor:    gauge("backline_call_lines_poor", "Of those the lines whose estimated opinion is below 3.5 at this moment."),
		mos:     histogram("backline_call_line_mos", "Estimated mean opinion of lines that ended (E-model).", []float64{1.5, 2, 2.5, 3, 3.5, 3.8, 4, 4.2, 4.3, 4.4}),
		loss:    histogram("backline_call_line_loss_ratio", "Share of packets lost in the worse direction, of lines that ended.", []float64{0, .001, .005, .01, .02, .05, .1, .2, .5}),
		jitter:  histogram("backline_call_line_jitter_seconds", "Jitter of lines that ended, the worse direction.", times),
		trip:    histogram("backline_call_line_rtt_seconds", "Round trip of lines that ended.", times),
	}
	r.MustRegister(m.running, m.poor, m.mos, m.loss, m.jitter, m.trip)
	return m
}

func (m *lineMetrics) look(lines []wire.LineQuality) {
	m.running.Reset()
	m.poor.Reset()
	for _, l := range lines {
		m.running.WithLabelValues(l.Path).Inc()
		if l.MOS < quality.Poor {
			m.poor.WithLabelValues(l.Path).Inc()
		}
	}
}

func (m *lineMetrics) ended(l gateway.LineMeasured) {
	side := "customer"
	if l.Agent != "" {
		side = "agent"
	}
	m.mos.WithLabelValues(l.Path, side).Observe(l.MOS)
	m.loss.WithLabelValues(l.Path, side).Observe(max(l.LossIn, l.LossOut) / 100)
	m.jitter.WithLabelValues(l.Path, side).Observe(l.JitterMS / 1000)
	m.trip.WithLabelValues(l.Path, side).Observe(l.RTTMS / 1000)
}

// openMeter makes what watches the lines of calls. live is set by then.
func (a *App) openMeter() *quality.Meter {
	return quality.New(quality.Options{Engine: a.engine, Desk: a.calls, Append: a.keepLine,
		Tell: func(id gateway.AgentID, f any) { a.live.TellAgent(id, f) }, OnLook: a.metrics.lines.look, OnEnd: a.metrics.lines.ended, Log: a.log})
}

// keepLine does not wait until the live state has it: at the end of the process that folds no more.
func (a *App) keepLine(ctx context.Context, who gateway.Identity, key string, e gateway.Event) error {
	_, err := a.journal.Append(ctx, live.Write(gateway.ThreadStream(who.Thread()), journal.Any, key, time.Now(), e))
	return err
}

func (a *App) applyLines(e journal.Event) {
	if err := a.lines.Apply(e); err != nil {
		a.log.Error("record of a line not understood", "pos", e.Pos, "err", err)
	}
}

func (c *controls) reportRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /reports/calls", func(w http.ResponseWriter, r *http.Request) {
		from, to, err := quality.Days(r.URL.Query().Get("days"))
		if err != nil {
			httpx.Problem(w, r, err)
			return
		}
		httpx.WriteJSON(w, http.StatusOK, c.lines.Summary(from, to))
	})
}

// report prints how good calls were, for whoever owns the data folder.
func (m *Main) report(ctx context.Context, args []string) error {
	if len(args) == 0 || args[0] != "calls" {
		return usagef("want: report calls [--days 30]")
	}
	fs := flag.NewFlagSet("report calls", flag.ContinueOnError)
	days := fs.Int("days", 30, "how many `DAYS` back")
	asJSON := fs.Bool("json", false, "print JSON")
	folder, c, err := m.linkFlags(fs, args[1:])
	switch {
	case err != nil:
		return err
	case fs.NArg() > 0:
		return usagef("unknown argument %q", fs.Arg(0))
	}
	return withFolder(ctx, folder, c, func(client *http.Client) error {
		var s quality.Summary
		if err := call(ctx, client, http.MethodGet, fmt.Sprint("/reports/calls?days=", *days), nil, &s); err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(m.Stdout).Encode(s)
		}
		return m.printCalls(s)
	})
}

func (m *Main) printCalls(s quality.Summary) error {
	if len(s.Rows) == 0 {
		fmt.Fprintf(m.Stdout, "No line of a call ended between %s and %s.\n", s.From, s.To)
		return nil
	}
	w := tabwriter.NewWriter(m.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DAY\tENTRY\tPATH\tCALLS\tLINES\tMINUTES\tMOS\tBELOW 3.5\tLOSS\tROUND TRIP")
	for _, r := range s.Rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%.1f\t%.2f\t%.1f %%\t%.2f %%\t%.0f ms\n", r.Day, r.Entry, r.Path, r.Calls, r.Lines, r.Minutes, r.MOS, 100*r.Poor, r.Loss, r.RTTMS)
	}
	if len(s.Networks) > 0 {
		fmt.Fprintln(w, "\nWORST NETWORKS\tLINES\tMOS\tBELOW 3.5")
	}
	for _, n := range s.Networks {
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.1f %%\n", n.Network, n.Lines, n.MOS, 100*n.Poor)
	}
	return w.Flush()
}
