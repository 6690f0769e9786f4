// Package examples holds the files that the documentation says to begin from, so that the program uses what
// people copy.
package examples

import _ "embed"

// LinkMail is the mail of `backline link send` where no other template is given, in English and German.
//
//go:embed link-mail.tmpl
var LinkMail string
