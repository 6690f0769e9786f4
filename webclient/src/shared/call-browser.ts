// What a call needs of a browser: microphone, PeerConnection, sound, the lamp that stays on, a tone that rings.
// The line itself (call.ts) is told of these as functions, so that it runs in tests without any.

export { microphone, networkMoves, peer, Speaker, trouble } from "./media";
export { Meter } from "./meter";
export { type Rhythm, RINGBACK, RINGTONE, sounding } from "./tones";
