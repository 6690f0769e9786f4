package redis

// Forget is what another Open brings: what was read before is no longer compared.
func (j *Journal) Forget() {
	j.seen.mu.Lock()
	defer j.seen.mu.Unlock()
	j.seen.marks, j.seen.forked = nil, nil
}
