package journal

import "fmt"

// Check judges a write against the limits. Engines call it before they look at anything else.
func Check(w Write) error {
	switch {
	case w.Stream == "" || len(w.Stream) > MaxStreamBytes:
		return fmt.Errorf("%w: a stream's name is 1 to %d bytes", ErrInvalid, MaxStreamBytes)
	case len(w.Key) > MaxKeyBytes:
		return fmt.Errorf("%w: a key is at most %d bytes", ErrInvalid, MaxKeyBytes)
	case len(w.Events) == 0 || len(w.Events) > MaxEvents:
		return fmt.Errorf("%w: an append has 1 to %d events", ErrInvalid, MaxEvents)
	case w.Guard != nil && (w.Guard.Stream == "" || len(w.Guard.Stream) > MaxStreamBytes):
		return fmt.Errorf("%w: the name of a guard's stream is 1 to %d bytes", ErrInvalid, MaxStreamBytes)
	case w.Guard != nil && len(w.Guard.Key) > MaxKeyBytes:
		return fmt.Errorf("%w: a guard's key is at most %d bytes", ErrInvalid, MaxKeyBytes)
	}
	for _, e := range w.Events {
		if e.Type == "" || len(e.Type) > MaxTypeBytes {
			return fmt.Errorf("%w: a type is 1 to %d bytes", ErrInvalid, MaxTypeBytes)
		}
		if len(e.Data) > MaxDataBytes {
			return fmt.Errorf("%w: the data of %s has %d bytes, the limit is %d", ErrInvalid, e.Type, len(e.Data), MaxDataBytes)
		}
	}
	return nil
}
