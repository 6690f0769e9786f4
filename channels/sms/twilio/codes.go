package twilio

import "backline/channels"

// codes are Twilio's error codes as the outbox must take them. Those that are missing blame the request: they
// are Rejected. Source: Twilio, Error and warning dictionary.
var codes = map[int]channels.Code{
	20003: channels.ProviderDown, // authentication
	20005: channels.ProviderDown, // account not active
	20404: channels.ProviderDown, // no such account or service: our settings
	20429: channels.Throttled,    // too many requests at once: "never processed, always safe to retry"
	21211: channels.Unreachable,  // not a number
	21408: channels.Unroutable,   // the account may not send to this country
	21606: channels.ProviderDown, // From cannot send: our settings at this provider
	21610: channels.OptedOut,
	21611: channels.Throttled,   // the number's queue is full
	21614: channels.Unreachable, // not a mobile number
	30001: channels.Throttled,   // queue overflow
	30002: channels.ProviderDown,
	60728: channels.ProviderDown, // the account's hourly limit
	63017: channels.Throttled,
	63038: channels.ProviderDown, // the account's daily limit
}

// reported are codes of messages that were not delivered, as agents must read them.
var reported = map[string]channels.Code{
	"21610": channels.OptedOut,
	"30001": channels.ProviderDown, // the queue overflowed
	"30002": channels.ProviderDown, // the account is suspended
	"30003": channels.Unreachable,  // the phone is off, mostly for a while
	"30004": channels.Unreachable,  // blocked
	"30005": channels.Unreachable,  // no such number
	"30006": channels.Unreachable,  // a landline
	"30007": channels.Rejected,     // taken for spam
	"30022": channels.ProviderDown,
	"30034": channels.ProviderDown,
	"60728": channels.ProviderDown,
	"63017": channels.ProviderDown,
	"63038": channels.ProviderDown,
}

// neverSent are the codes of failed messages that certainly never left Twilio, for reasons that lie with
// Twilio or the account: another provider may send them.
var neverSent = map[string]bool{"30001": true, "30002": true, "30022": true, "30034": true, "60728": true, "63017": true, "63038": true}
