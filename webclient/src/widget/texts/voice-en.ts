// What customers read of voice messages, in English.

const en = {
  title: "Voice message",
  /** Of the file; time is 0.23. */
  name: (time: string) => `Voice message, ${time}`,
  asking: "Your browser asks for the microphone. Allow it to record.",
  speak: "Speak now, up to 5 minutes. Say what it is about and how we reach you.",
  stop: "Stop",
  short: "Nothing was recorded. Press, and speak.",
  start: "Record",
  ready: (time: string) => `${time} recorded. It is sent only when you say so.`,
  listen: "Your recording",
  send: "Send",
  again: "Record again",
  going: "Being sent. Please keep this page open.",
  waits: "No connection right now. It goes on by itself from where it was; please keep this page open.",
  there: "Your voice message is with us, and somebody will hear it.",
  refused: "It was not accepted. Please write to us.",
  write: "Write instead",
  drop: "Do not send",
  done: "Done",
  back: "Back",
};

export type VoiceTexts = typeof en;

export default en;
