package main

import "testing"

func TestGarbageIsCollectedWhenItIsWorthIt(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		name        string
		before, now heap
		want        bool
	}{
		{"quiet, and half of it garbage", heap{40 * mib, 20 * mib, 100 * mib}, heap{41 * mib, 20 * mib, 101 * mib}, true},
		{"quiet and clean", heap{25 * mib, 20 * mib, 100 * mib}, heap{25 * mib, 20 * mib, 101 * mib}, false},
		{"busy: the collector has its own pace", heap{40 * mib, 20 * mib, 100 * mib}, heap{70 * mib, 20 * mib, 130 * mib}, false},
	} {
		if got := dirty(c.before, c.now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
