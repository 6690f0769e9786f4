package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"backline/docs/examples"
	"backline/gateway"
	"backline/gateway/config"
	"backline/gateway/links"
	"backline/gateway/mailing"
)

// mailingFlags are what `link send` can be told.
type mailingFlags struct {
	csv, template, to, campaign, ttl string
	skipBad, dryRun, json            bool
	o                                mailing.Options
}

func (f *mailingFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.csv, "csv", "", "list `FILE`: email, name, language, subject, phone, to")
	fs.StringVar(&f.template, "template", "", "mail `FILE`; default: docs/examples/link-mail.tmpl")
	fs.StringVar(&f.to, "to", "", "who answers where the list does not say: `queue/ID` or agent/ID")
	fs.StringVar(&f.campaign, "campaign", "", "`NAME` of the mailing; nobody gets two mails of one; default: that of the list's file")
	fs.StringVar(&f.ttl, "ttl", "", "how long the links are good: `72h`; default links.ttl")
	fs.BoolVar(&f.skipBad, "skip-bad", false, "send although rows have mistakes, to the others")
	fs.BoolVar(&f.dryRun, "dry-run", false, "judge list and template, show the first mail, send nothing")
	fs.BoolVar(&f.json, "json", false, "print the report as JSON")
	fs.Float64Var(&f.o.Rate, "rate", 20, "mails a second; 0: as fast as the relay takes them")
	fs.IntVar(&f.o.Connections, "connections", mailing.DefaultConnections, "connections to the relay")
	fs.BoolVar(&f.o.Unsubscribe, "mailing", false, "it is a mailing: with List-Unsubscribe")
	fs.BoolVar(&f.o.RetryFailed, "retry-failed", false, "also those that were refused before")
	fs.DurationVar(&f.o.GiveUp, "give-up", time.Hour, "how long one mail is tried")
}

func (m *Main) linkSend(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("link send", flag.ContinueOnError)
	var f mailingFlags
	f.define(fs)
	folder, c, err := m.linkFlags(fs, args)
	switch {
	case err != nil:
		return err
	case f.csv == "" || fs.NArg() > 0:
		return usagef("want: link send --config FILE --csv FILE [--template FILE]")
	case c == nil:
		return usagef("--config is missing: the relay stands there")
	case f.o.Connections < 1 || f.o.Connections > mailing.MaxConnections:
		return usagef("--connections: want 1 to %d", mailing.MaxConnections)
	}
	j, err := m.prepareMailing(c, f)
	if err != nil {
		return err
	}
	if f.dryRun {
		return m.showMailing(j)
	}
	if j.o.Ledger, err = mailing.OpenLedger(filepath.Join(folder, "mailings", j.o.Campaign+".jsonl")); err != nil {
		return err
	}
	defer j.o.Ledger.Close()
	return m.sendMailing(ctx, folder, c, j)
}

// mailJob is a mailing that is ready to be sent.
type mailJob struct {
	o    mailing.Options
	list *mailing.List
	ttl  string
	json bool
}

// prepareMailing reads and judges everything that can be judged before the first mail.
func (m *Main) prepareMailing(c *config.Config, f mailingFlags) (*mailJob, error) {
	j := &mailJob{o: f.o, ttl: f.ttl, json: f.json}
	var err error
	if j.o.Relay, err = relayOf(c); err != nil {
		return nil, err
	}
	if j.list, err = readMailingList(f.csv); err != nil {
		return nil, err
	}
	if err := m.judgeList(j.list, f); err != nil {
		return nil, err
	}
	text := examples.LinkMail
	if f.template != "" {
		own, err := os.ReadFile(f.template)
		if err != nil {
			return nil, err
		}
		text = string(own)
	}
	if j.o.Template, err = mailing.ParseTemplate(text, c.Company.Language, j.list.Extra); err != nil {
		return nil, fmt.Errorf("%s: %w", f.template, err)
	}
	j.o.Company, j.o.Campaign = c.Company.Name, f.campaign
	if f.campaign == "" {
		j.o.Campaign = campaignOf(f.csv)
	}
	if !gateway.ValidName(j.o.Campaign) {
		return nil, usagef(`--campaign: want 1–64 of a-z, 0-9, "-", "_", "."`)
	}
	return j, nil
}

func relayOf(c *config.Config) (*mailing.Relay, error) {
	if c.Mail.SMTP == "" {
		return nil, errors.New("mail.smtp is not set in the configuration: no relay to send by")
	}
	return mailing.ParseRelay(string(c.Mail.SMTP), c.Mail.From)
}

func readMailingList(path string) (*mailing.List, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only: nothing to lose
	list, err := mailing.ReadList(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// judgeList names every bad row. Each good one gets its target.
func (m *Main) judgeList(l *mailing.List, f mailingFlags) error {
	if f.to != "" {
		if _, err := gateway.ParseTarget(f.to); err != nil {
			return usagef(`--to: want "queue/ID" or "agent/ID"`)
		}
	}
	for i := range l.Rows {
		r := &l.Rows[i]
		if r.To == "" {
			r.To = gateway.Target(f.to)
		}
		if r.To == "" {
			return usagef("--to is missing: line %d does not say who answers", r.Line)
		}
	}
	for _, bad := range l.Mistakes {
		fmt.Fprintf(m.Stderr, "%s: %s\n", f.csv, bad)
	}
	if n := len(l.Mistakes) + l.Dropped; n > 0 && !f.skipBad {
		return fmt.Errorf("%s: %d mistakes, nothing was sent; mend them, or send to the others with --skip-bad", f.csv, n)
	}
	if len(l.Rows) == 0 {
		return fmt.Errorf("%s: nobody to send to", f.csv)
	}
	return nil
}

// campaignOf makes a campaign's name of a list's: "Kunden 2026.csv" is "kunden-2026".
func campaignOf(path string) string {
	base := filepath.Base(path)
	name := strings.Map(func(r rune) rune {
		if gateway.ValidName(string(r)) {
			return r
		}
		return '-'
	}, strings.ToLower(strings.TrimSuffix(base, filepath.Ext(base))))
	return strings.Trim(name[:min(len(name), 64)], "-.")
}

func (m *Main) showMailing(j *mailJob) error {
	fmt.Fprintf(m.Stderr, "%s\nThe first mail:\n\n", j.plan(len(j.list.Rows)))
	r := mailing.Recipient{Row: j.list.Rows[0], Link: "https://gw.example.org/talk/" + strings.Repeat("x", links.TokenLength), Expires: time.Now().Add(links.DefaultTTL)}
	return mailing.Preview(j.o, r, m.Stdout)
}

// plan says what is about to happen.
func (j *mailJob) plan(n int) string {
	s := fmt.Sprintf("Campaign %s: %d mails by %s", j.o.Campaign, n, j.o.Relay)
	if j.o.Rate > 0 {
		s += fmt.Sprintf(" at %g a second, about %v", j.o.Rate, time.Duration(float64(n)/j.o.Rate*float64(time.Second)).Round(time.Second))
	}
	if d := len(j.list.Duplicates); d > 0 {
		s += fmt.Sprintf("; %d rows repeat an address", d)
	}
	if b := len(j.list.Mistakes) + j.list.Dropped; b > 0 {
		s += fmt.Sprintf("; %d mistakes are left out", b)
	}
	if len(j.list.Extra) > 0 {
		s += "; columns for the template only: " + strings.Join(j.list.Extra, ", ")
	}
	return s + "."
}

// sendMailing makes the links of those who have no mail yet, and sends.
func (m *Main) sendMailing(ctx context.Context, folder string, c *config.Config, j *mailJob) error {
	rows := mailing.Pending(j.o.Ledger, j.list.Rows, j.o.RetryFailed)
	fmt.Fprintln(m.Stderr, j.plan(len(rows)))
	if len(rows) == 0 {
		fmt.Fprintln(m.Stderr, "Nobody is left. To send to the same people again, give it another name with --campaign.")
	}
	var to []mailing.Recipient
	// The folder is free again before the first mail leaves: a gateway may start meanwhile.
	err := withFolder(ctx, folder, c, func(client *http.Client) (err error) {
		to, err = j.mint(ctx, client, rows)
		return err
	})
	if err != nil {
		return err
	}
	bar := newBar(m.Stderr)
	j.o.Progress = bar.show
	report, err := mailing.Run(ctx, j.o, j.list.Rows, to)
	bar.end()
	return errors.Join(m.printMailing(j, report), outcome(report, err))
}

// mint makes the links of rows, the same ones for the same campaign.
func (j *mailJob) mint(ctx context.Context, client *http.Client, rows []mailing.Row) ([]mailing.Recipient, error) {
	var to []mailing.Recipient
	for from := 0; from < len(rows); from += linkBatch {
		part := rows[from:min(from+linkBatch, len(rows))]
		var b batchBody
		for _, r := range part {
			b.Links = append(b.Links, links.Request{To: r.To, Contact: gateway.LinkContact{Name: r.Name, Email: r.Email, Phone: r.Phone},
				Subject: r.Subject, Language: r.Language, TTL: j.ttl, Campaign: j.o.Campaign, Key: "mailing/" + j.o.Campaign + "/" + r.Key()})
		}
		var made linkList
		if err := call(ctx, client, http.MethodPost, "/links/batch", b, &made); err != nil {
			return nil, rowError(part, err)
		}
		if len(made.Links) != len(part) {
			return nil, errors.New("the gateway has made another number of links")
		}
		for i, l := range made.Links {
			if !l.Revoked { // whose link was taken back gets no mail
				to = append(to, mailing.Recipient{Row: part[i], Link: l.URL, Expires: l.ExpiresAt})
			}
		}
	}
	return to, nil
}

// rowError names the row that a batch was refused for.
func rowError(part []mailing.Row, err error) error {
	e, ok := errors.AsType[*refusal](err)
	if !ok {
		return err
	}
	var i int
	var field string
	if n, _ := fmt.Sscanf(e.Field, "links[%d].%s", &i, &field); n < 1 || i < 0 || i >= len(part) {
		return err
	}
	return fmt.Errorf("line %d: %s: %s; nothing was sent", part[i].Line, field, e.Detail)
}

// mailingReport is what is printed at the end.
type mailingReport struct {
	mailing.Report
	Skipped    []mailing.Mistake   `json:"skipped"`
	Duplicates []mailing.Duplicate `json:"duplicates"`
}

// reportedRows is how many rows the plain report lists.
const reportedRows = 50

func (m *Main) printMailing(j *mailJob, r mailing.Report) error {
	if j.json {
		out := mailingReport{Report: r, Skipped: j.list.Mistakes, Duplicates: j.list.Duplicates}
		return json.NewEncoder(m.Stdout).Encode(out)
	}
	for i, o := range r.Rows {
		if i == reportedRows {
			fmt.Fprintf(m.Stdout, "and %d more; --json lists all\n", len(r.Rows)-i)
			break
		}
		fmt.Fprintf(m.Stdout, "line %d, %s: %s", o.Line, o.Email, o.State)
		if o.Reason != "" {
			fmt.Fprintf(m.Stdout, ": %s", strings.TrimSpace(o.Reason))
		}
		fmt.Fprintln(m.Stdout)
	}
	fmt.Fprintf(m.Stdout, "%d sent, %d sent before, %d refused, %d left, in %v\n", r.Sent, r.Before, r.Failed, r.Left, r.Took.Round(10*time.Millisecond))
	return nil
}

// outcome is the command's: an error when somebody has no mail.
func outcome(r mailing.Report, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("stopped; the same command goes on where it was")
	case err != nil:
		return fmt.Errorf("stopped: %w; %d are left, the same command goes on", err, r.Left)
	case r.Left > 0:
		return fmt.Errorf("%d are left; the same command tries them again", r.Left)
	case r.Failed > 0:
		return fmt.Errorf("%d of %d addresses were refused", r.Failed, r.Total)
	}
	return nil
}
