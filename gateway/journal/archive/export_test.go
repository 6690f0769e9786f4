package archive

// Cut ends segments after so many events.
func (f *Folder) Cut(events int) { f.size = events }
