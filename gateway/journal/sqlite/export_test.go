package sqlite

// Forgetful reads everything from the file.
func Forgetful() Options { return Options{forgetful: true} }
