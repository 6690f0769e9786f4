// What customers read of calls, in English. As with all texts: plain, what is true and what can be done.

import type { Kind } from "../../shared/protocol";

const en = {
  call: "Call",
  asking: "Your browser asks for the microphone. Allow it, so that we hear you.",
  joining: "Connecting …",
  inLine: (n: number | undefined) =>
    n === 1 ? "You are next." : n ? `You are number ${n} in line.` : "You are in line.",
  music: "Music plays until somebody answers.",
  nobody: "Nobody is signed in right now. You can stay on the line, or write to us and we answer.",
  answered: (name: string) => `${name || "Somebody"} takes your call …`,
  talking: (name: string) => `You are talking with ${name}`,
  held: (name: string) => `${name} has put you on hold. Music plays until they are back; they do not hear you.`,
  broken: (name: string) => `The line of ${name} is interrupted. Stay on, it is being restored.`,
  interrupted: "Your line is interrupted. Reconnecting …",
  heard: "",
  muted: "We do not hear you: muted.",
  paused: "We do not hear you: your phone has taken the microphone for now.",
  lost: "We do not hear you: the microphone is gone.",
  ringing: (name: string) => `${name} calls you`,
  accept: "Accept",
  decline: "Decline",
  away: "Your call goes on, but not on this page.",
  back: "Back to the call",
  mute: "Mute",
  hangUp: "Hang up",
  again: "Try again",
  unreachable: "The call did not get through, and we have stopped trying. Writing still works.",
  refused: (kind: Kind): string =>
    kind === "too_many"
      ? "Too many calls at once. Try again in a moment, or write to us."
      : kind === "conflict"
        ? "A call is under way already, in another window."
        : "The call was not accepted. Writing still works.",
};

export type CallTexts = typeof en;

export default en;
