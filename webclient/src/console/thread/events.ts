// One line for each thing that happened to a conversation. Pure.

import type { Item } from "../../shared/protocol";
import { meetTexts } from "../meet/texts";
import { type Language, parseSpan, stopwatch } from "./format";

/** Names of this moment; events carry those of their own time where they have them. */
export interface Names {
  me: string;
  agent(id: string): string;
  queue(id: string): string;
  channel(id: string): string;
}

interface Words {
  somebody: string;
  /** The actor of a sentence: "you", "Jana Brandt". */
  you: string;
  /** To whom something goes. */
  toYou: string;
  /** "in" a queue, "for" a person. */
  waits(to: string, agent: boolean): string;
  target(name: string, agent: boolean): string;
  after(wait: string): string;
  opened(channel: string, to: string): string;
  offered(to: string): string;
  accepted(who: string): string;
  taken(who: string): string;
  assigned(by: string, who: string): string;
  returned(by: string, to: string): string;
  transferred(by: string, to: string): string;
  gone(waits: string): string;
  away(waits: string): string;
  hours(waits: string): string;
  overflow(to: string): string;
  called(to: string): string;
  missed(who: string): string;
  declined(who: string): string;
  closed(by: string): string;
  closedByRule: string;
  wrapUpOver: string;
  callerLeft: string;
  reopened: string;
  optedOut(word: string): string;
  optedIn(word: string): string;
  controlLost: string;
  controlOurs: string;
  position(n: string): string;
  pickedUp(who: string): string;
  connected(by: string, who: string): string;
  leftTo(by: string, who: string): string;
  held(who: string): string;
  recorded(who: string): string;
  recordedNoMore(who: string): string;
  recordedMeeting(who: string): string;
  agreed(who: string): string;
  refused(who: string): string;
  recordingFailed: string;
  resumed(who: string): string;
  consults(by: string, to: string): string;
  asksIn(by: string, to: string): string;
  joined(who: string): string;
  conferenced(who: string): string;
  supervises: Record<string, (who: string) => string>;
  left(who: string): string;
  leftWhy: Record<string, (who: string) => string>;
}

const en: Words = {
  somebody: "somebody",
  you: "you",
  toYou: "you",
  waits: (to, agent) => `waits ${agent ? "for" : "in"} ${to}`,
  target: (name) => name,
  after: (wait) => ` after ${wait}`,
  opened: (channel, to) => `started by ${channel}${to && `, routed to ${to}`}`,
  offered: (to) => `offered to ${to}`,
  accepted: (who) => `${who} accepted`,
  taken: (who) => `${who} took the conversation`,
  assigned: (by, who) => `${by} gave it to ${who}`,
  returned: (by, to) => `${by} returned it to ${to}`,
  transferred: (by, to) => `${by} transferred it to ${to}`,
  gone: (waits) => `the agent’s console was gone, ${waits} again`,
  away: (waits) => `the agent is away, ${waits} again`,
  hours: (waits) => `opening hours began, ${waits}`,
  overflow: (to) => `nobody was free, moved on to ${to}`,
  called: (to) => `calls, rings at ${to}`,
  missed: (who) => `${who} missed it`,
  declined: (who) => `${who} declined`,
  closed: (by) => `${by} closed the conversation`,
  closedByRule: "closed by a rule",
  wrapUpOver: "closed when the wrap-up time was over",
  callerLeft: "closed: the caller gave up and left no way back",
  reopened: "the customer wrote again, reopened",
  optedOut: (word) => `opted out${word && ` with “${word}”`}`,
  optedIn: (word) => `opted in${word && ` with “${word}”`}`,
  controlLost: "another app answers now",
  controlOurs: "answers come from here again",
  position: (n) => `place ${n} in the queue`,
  pickedUp: (who) => `${who} picked the call up`,
  connected: (by, who) => `${by} connected the customer with ${who}`,
  leftTo: (by, who) => `${by} left the call to ${who}`,
  held: (who) => `${who} put the call on hold`,
  recorded: (who) => `the call is recorded from here on${who && `, by ${who}`}`,
  recordedNoMore: (who) => (who ? `${who} stopped the recording` : "the recording ended"),
  recordedMeeting: (who) => `the meeting is recorded from here on${who && `, by ${who}`}`,
  agreed: (who) => `${who || "the customer"} agreed to a recording`,
  refused: (who) => (who ? `${who} does not want to be recorded` : "the customer does not want a recording"),
  recordingFailed: "the recording could not be written",
  resumed: (who) => `${who} resumed the call`,
  consults: (by, to) => `${by} consults ${to}, the customer is on hold`,
  asksIn: (by, to) => `${by} asks ${to} into the call`,
  joined: (who) => `${who} joined`,
  conferenced: (who) => `${who} talks with the customer too`,
  supervises: {
    listen: (who) => `${who} listens to the call`,
    whisper: (who) => `${who} whispers in the call`,
    barge: (who) => `${who} joined the call as a supervisor`,
  },
  left: (who) => `${who} left the call`,
  leftWhy: {
    returned: (who) => `consultation with ${who} over`,
    removed: (who) => `${who} was taken out of the call`,
    no_answer: (who) => `${who} did not answer`,
    lost: (who) => `the line of ${who} broke`,
  },
};

const de: Words = {
  somebody: "jemandem",
  you: "Ihnen",
  toYou: "Sie",
  waits: (to, agent) => `wartet ${agent ? "auf" : "in"} ${to}`,
  target: (name, agent) => (agent ? name : `„${name}“`),
  after: (wait) => ` nach ${wait}`,
  opened: (channel, to) => `begonnen per ${channel}${to && `, für ${to}`}`,
  offered: (to) => `angeboten: ${to}`,
  accepted: (who) => `von ${who} angenommen`,
  taken: (who) => `von ${who} übernommen`,
  assigned: (by, who) => `von ${by} an ${who} gegeben`,
  returned: (by, to) => `von ${by} zurückgegeben an ${to}`,
  transferred: (by, to) => `von ${by} weitergegeben an ${to}`,
  gone: (waits) => `Konsole war weg, ${waits}`,
  away: (waits) => `abwesend, ${waits}`,
  hours: (waits) => `die Öffnungszeit begann, ${waits}`,
  overflow: (to) => `niemand war frei, weiter an ${to}`,
  called: (to) => `ruft an, klingelt bei ${to}`,
  missed: (who) => `von ${who} verpasst`,
  declined: (who) => `von ${who} abgelehnt`,
  closed: (by) => `von ${by} geschlossen`,
  closedByRule: "durch eine Regel geschlossen",
  wrapUpOver: "nach Ende der Nacharbeit geschlossen",
  callerLeft: "geschlossen: der Anrufer hat aufgegeben und keinen Weg zurück hinterlassen",
  reopened: "der Kunde schrieb wieder, neu geöffnet",
  optedOut: (word) => `abgemeldet${word && ` mit „${word}“`}`,
  optedIn: (word) => `angemeldet${word && ` mit „${word}“`}`,
  controlLost: "jetzt antwortet eine andere App",
  controlOurs: "geantwortet wird wieder von hier",
  position: (n) => `Platz ${n} in der Warteschlange`,
  pickedUp: (who) => `von ${who} herangeholt`,
  connected: (by, who) => `von ${by} mit ${who} verbunden`,
  leftTo: (by, who) => `von ${by} an ${who} überlassen`,
  held: (who) => `von ${who} gehalten`,
  recorded: (who) => (who ? `ab hier aufgezeichnet von ${who}` : "ab hier aufgezeichnet"),
  recordedNoMore: (who) => (who ? `Aufzeichnung beendet von ${who}` : "Aufzeichnung beendet"),
  recordedMeeting: (who) =>
    who ? `Videogespräch ab hier aufgezeichnet von ${who}` : "Videogespräch ab hier aufgezeichnet",
  agreed: (who) => `${who || "der Kunde"} stimmt der Aufzeichnung zu`,
  refused: (who) => (who ? `${who} möchte nicht aufgezeichnet werden` : "der Kunde möchte keine Aufzeichnung"),
  recordingFailed: "die Aufzeichnung ließ sich nicht speichern",
  resumed: (who) => `von ${who} weitergeführt`,
  consults: (by, to) => `Rückfrage von ${by} bei ${to}, der Kunde wird gehalten`,
  asksIn: (by, to) => `dazugebeten von ${by}: ${to}`,
  joined: (who) => `dazugekommen: ${who}`,
  conferenced: (who) => `jetzt auch mit dem Kunden im Gespräch: ${who}`,
  supervises: {
    listen: (who) => `hört mit: ${who}`,
    whisper: (who) => `flüstert mit: ${who}`,
    barge: (who) => `schaltet sich zu: ${who}`,
  },
  left: (who) => `gegangen: ${who}`,
  leftWhy: {
    returned: (who) => `Rückfrage beendet: ${who}`,
    removed: (who) => `herausgenommen: ${who}`,
    no_answer: (who) => `nicht angenommen: ${who}`,
    lost: (who) => `Leitung abgerissen: ${who}`,
  },
};

export function eventText(item: Item, language: Language, names: Names): string {
  const w = language === "de" ? de : en;
  const d = item.data ?? {};
  const person = (id = "", name = "") => (id === names.me && id ? w.you : name || names.agent(id) || w.somebody);
  const who = person(d.agent, d.agent_name);
  const by = person(d.by, d.by_name);
  const to = targetOf(d.target ?? d.to ?? "", d.queue ?? "", names, w);
  switch (item.event) {
    case "opened":
      return w.opened(names.channel(d.channel ?? ""), to);
    case "offered":
      return w.offered(who);
    case "assigned":
      return assigned(d.how ?? "", w, who, by, d.agent === names.me ? w.toYou : who) + waited(d.wait ?? "", w);
    case "queued":
      return queued(d.reason ?? "", w, by, to, (d.target ?? "").startsWith("agent/"));
    case "missed":
      return w.missed(who);
    case "declined":
      return w.declined(who);
    case "closed":
      if (d.by) return w.closed(by);
      if (d.reason === "caller_left") return w.callerLeft;
      return d.reason === "wrap_up_over" ? w.wrapUpOver : w.closedByRule;
    case "reopened":
      return w.reopened;
    case "opted_out":
      return w.optedOut(d.word ?? "");
    case "opted_in":
      return w.optedIn(d.word ?? "");
    case "control_lost":
      return w.controlLost;
    case "control_ours":
      return w.controlOurs;
    case "recording_on":
      return (d.meeting ? w.recordedMeeting : w.recorded)(d.agent ? who : "");
    case "recording_stopped":
      return w.recordedNoMore(d.agent ? who : "");
    case "recording_agreed":
      return w.agreed(d.name ?? "");
    case "recording_refused":
      return w.refused(d.name ?? "");
    case "recording_failed":
      return w.recordingFailed;
    case "call_held":
      return w.held(who);
    case "call_resumed":
      return w.resumed(who);
    case "call_invited":
      return d.role === "consult" ? w.consults(by, asked(d, names, w, who)) : w.asksIn(by, asked(d, names, w, who));
    case "call_joined":
      return w.joined(who);
    case "call_conferenced":
      return w.conferenced(who);
    case "call_supervised":
      return (w.supervises[d.role ?? ""] ?? w.joined)(who);
    case "call_left":
      return (w.leftWhy[d.reason ?? ""] ?? w.left)(asked(d, names, w, who));
    case "meeting_said":
      return meetTexts(language).said(d.name || w.somebody, d.text ?? "");
    case "position":
      return w.position(d.position ?? "");
    default:
      return item.event ?? "";
  }
}

/** Who was asked into a call: a person, or a queue as long as nobody of it has come. */
function asked(d: Record<string, string>, names: Names, w: Words, who: string): string {
  return d.agent || !d.queue ? who : w.target(names.queue(d.queue) || d.queue, false);
}

function targetOf(target: string, queue: string, names: Names, w: Words): string {
  if (target.startsWith("agent/")) {
    const id = target.slice("agent/".length);
    return id === names.me ? w.toYou : w.target(names.agent(id) || id, true);
  }
  const id = target.startsWith("queue/") ? target.slice("queue/".length) : queue;
  return id && w.target(names.queue(id) || id, false);
}

function assigned(how: string, w: Words, who: string, by: string, to: string): string {
  if (how === "accepted") return w.accepted(who);
  if (how === "taken") return w.taken(who);
  if (how === "picked_up") return w.pickedUp(who);
  if (how === "consult") return w.connected(by, to);
  if (how === "left") return w.leftTo(by, to);
  return w.assigned(by, to);
}

function waited(wait: string, w: Words): string {
  const ms = parseSpan(wait);
  return ms > 0 ? w.after(stopwatch(ms)) : "";
}

function queued(reason: string, w: Words, by: string, to: string, agent: boolean): string {
  const waits = w.waits(to, agent);
  switch (reason) {
    case "returned":
      return w.returned(by, to);
    case "transfer":
      return w.transferred(by, to);
    case "agent_gone":
      return w.gone(waits);
    case "agent_away":
      return w.away(waits);
    case "hours_open":
      return w.hours(waits);
    case "overflow":
      return w.overflow(to);
    case "call":
      return w.called(to);
    default:
      return waits;
  }
}
