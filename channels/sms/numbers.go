package sms

// Numbers are ours as one provider knows them: an entry's number, in E.164, to the one that sends and receives for
// it there. A number is hosted by one company, so that a second provider mostly has another one. Customers'
// threads, and with them an opt-out, are those of the entry, whichever provider carries a message.
type Numbers map[string]string

// SameNumbers is for a provider that hosts the entries' own numbers.
func SameNumbers(entries ...string) Numbers {
	n := Numbers{}
	for _, e := range entries {
		n[e] = e
	}
	return n
}

// Own is the provider's number for an entry's.
func (n Numbers) Own(entry string) string {
	if own := n[entry]; own != "" {
		return own
	}
	return entry
}

// Entry is the entry's number for one of the provider's.
func (n Numbers) Entry(own string) (string, bool) {
	for entry, o := range n {
		if o == own {
			return entry, true
		}
	}
	return "", false
}

// Only is the entry's number if there is just one entry.
func (n Numbers) Only() (string, bool) {
	for entry := range n {
		return entry, len(n) == 1
	}
	return "", false
}
