package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/emergency"
)

// Emergency is what holds while the emergency switch is on. All of it goes back when it is off.
type Emergency struct {
	// Text is what customers are told, by language (BCP 47), at most 500 characters each: what is broken and
	// what works. Default: built-in texts in German and English that name the company.
	Text map[string]string `yaml:"text"`
	// Queues that follow other rules.
	Queues []EmergencyQueue `yaml:"queues"`
}

// EmergencyQueue is what of one queue is different. What is left out stays as it is.
type EmergencyQueue struct {
	// ID of the queue. Required.
	ID gateway.QueueID `yaml:"id"`
	// Hours: "always" opens the queue day and night.
	Hours string `yaml:"hours"`
	// Overflow is the target that takes over after OverflowAfter.
	Overflow gateway.Target `yaml:"overflow"`
	// OverflowAfter is the waiting time until Overflow; 1s–24h.
	OverflowAfter time.Duration `yaml:"overflow_after"`
}

// In is the queue as it is in an emergency.
func (e Emergency) In(q Queue) Queue {
	i := slices.IndexFunc(e.Queues, func(x EmergencyQueue) bool { return x.ID == q.ID })
	if i < 0 {
		return q
	}
	x := e.Queues[i]
	if x.Hours == "always" {
		q.Hours = Hours{}
	}
	if x.Overflow != "" {
		q.Overflow = x.Overflow
	}
	if x.OverflowAfter != 0 {
		q.OverflowAfter = x.OverflowAfter
	}
	return q
}

func (k *checker) emergency() {
	k.emergencyTexts()
	seen := map[gateway.QueueID]bool{}
	for i, q := range k.c.Emergency.Queues {
		key := fmt.Sprintf("emergency.queues[%d]", i)
		switch {
		case q.ID == "":
			k.addAt(key+".id", "required: which queue")
			continue
		case !k.queues[q.ID]:
			k.noQueue(key+".id", q.ID)
		case seen[q.ID]:
			k.addAt(key+".id", "%q is there twice", q.ID)
		case q.Hours == "" && q.Overflow == "" && q.OverflowAfter == 0:
			k.addAt(key, "changes nothing: set hours, overflow or overflow_after")
		}
		seen[q.ID] = true
		if q.Hours != "" {
			k.oneOf(key+".hours", q.Hours, "always")
		}
		if q.OverflowAfter != 0 {
			k.between(key+".overflow_after", q.OverflowAfter, time.Second, 24*time.Hour)
		}
		if q.Overflow != "" {
			k.target(key+".overflow", q.Overflow)
		}
		if q.Overflow == gateway.QueueTarget(q.ID) {
			k.addAt(key+".overflow", "a queue cannot overflow into itself")
		}
	}
}

// emergencyTexts brings the languages into their one form, too.
func (k *checker) emergencyTexts() {
	texts := k.c.Emergency.Text
	if len(texts) > emergency.MaxLanguages {
		k.addAt("emergency.text", "at most %d languages", emergency.MaxLanguages)
	}
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		key, text := "emergency.text."+name, strings.TrimSpace(texts[name])
		tag, ok := emergency.Tag(name)
		switch {
		case !ok:
			k.addAt(key, "%q: want a language like de or pt-BR", clip(name))
		case out[tag] != "":
			k.addAt(key, "%s is there twice", tag)
		case text == "":
			k.addAt(key, "the text is empty: leave it out to have the built-in one")
		case emergency.CheckText(text) != "":
			k.addAt(key, "%s", emergency.CheckText(text))
		}
		out[tag] = text
	}
	k.c.Emergency.Text = out
}
