// What the thread says, in both languages, each written for itself.

import type { Block } from "../rules";
import type { Language } from "./format";

export interface Texts {
  language: Language;
  // head
  back: string;
  context: string;
  onPage: string;
  online: string;
  reading(names: string[]): string;
  take: string;
  takeOver: string;
  accept: string;
  giveBack: string;
  giveBackHint: string;
  transfer: string;
  done: string;
  closedAt(when: string): string;
  heldBy(name: string): string;
  waitingFor(queue: string): string;
  ringing: string;
  unnamed: string;
  // transfer
  transferTo: string;
  filter: string;
  nobodyFound: string;
  agents: string;
  queues: string;
  waiting(n: number): string;
  queueClosed: string;
  presence: Record<string, string>;
  // empty
  choose: string;
  chooseAction: string;
  someWait(n: number): string;
  someWaitAction: string;
  allQuiet: string;
  lastContact(ago: string): string;
  allQuietAction: string;
  connecting: string;
  // timeline
  timeline: string;
  today: string;
  yesterday: string;
  you: string;
  note: string;
  automatic: string;
  pageInbox: string;
  otherApp: string;
  colleague: string;
  standby: string;
  edited: string;
  resent: string;
  reacted(reaction: string): string;
  kinds: Record<string, string>;
  loadingOlder: string;
  loading: string;
  loadFailed: string;
  loadAgain: string;
  begin: string;
  noLines: string;
  newLines: string;
  toEnd: string;
  unreadFrom: string;
  typing(name: string): string;
  colleagueTypes(name: string): string;
  // delivery
  delivery: Record<string, string>;
  failedWhy(reason: string): string;
  reasons: Record<string, string>;
  resend: string;
  retry: string;
  discard: string;
  waitingForLine: string;
  // attachments
  openImage(name: string): string;
  openTab: string;
  download: string;
  shut: string;
  fetching: string;
  fileFailed: string;
  fileKinds: Record<string, string>;
  // composer
  reply: string;
  internal: string;
  writeTo(name: string): string;
  writeNote: string;
  noteHint: string;
  via(channel: string): string;
  until(when: string): string;
  send: string;
  save: string;
  attach: string;
  remove(name: string): string;
  uploading: string;
  uploadTooLarge: string;
  uploadTooMany(n: number): string;
  uploadNoLine: string;
  uploadFailed: string;
  dropHere: string;
  replies: string;
  repliesEmpty: string;
  enterSends: string;
  enterBreaks: string;
  tooLong(over: number): string;
  splits(parts: number): string;
  segments(parts: number, left: number): string;
  segmentsUnicode: string;
  segmentsCost: string;
  windowUntil(until: string, left: string): string;
  humanAgentUntil(until: string): string;
  blocks: Record<Block, string>;
  heldBlock(name: string): string;
  takeToAnswer: string;
  channels: Record<string, string>;
}

const plural = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;

const en: Texts = {
  language: "en",
  back: "Back to the list",
  context: "About this contact",
  onPage: "on the page now",
  online: "online",
  reading: (names) => (names.length === 1 ? `${names[0]} is reading along` : `${names.join(", ")} are reading along`),
  take: "Take",
  takeOver: "Take over",
  accept: "Accept",
  giveBack: "Return",
  giveBackHint: "Give it back to its queue",
  transfer: "Transfer",
  done: "Done",
  closedAt: (when) => `closed ${when}`,
  heldBy: (name) => `${name} answers`,
  waitingFor: (queue) => `waits in ${queue}`,
  ringing: "rings",
  unnamed: "Visitor",
  transferTo: "Transfer to",
  filter: "Name of an agent or a queue",
  nobodyFound: "No agent or queue of that name",
  agents: "Agents",
  queues: "Queues",
  waiting: (n) => (n === 0 ? "nobody waits" : `${n} waiting`),
  queueClosed: "closed now",
  presence: { ready: "ready", busy: "busy", "wrap-up": "wrapping up", away: "away", offline: "offline" },
  choose: "No conversation open.",
  chooseAction: "Open the first",
  someWait: (n) => (n === 1 ? "One conversation waits." : `${n} conversations wait.`),
  someWaitAction: "Open the one that waits longest",
  allQuiet: "Nobody is waiting.",
  lastContact: (ago) => `Last contact ${ago} ago.`,
  allQuietAction: "Look at what is done",
  connecting: "Connecting to the gateway.",
  timeline: "Messages",
  today: "Today",
  yesterday: "Yesterday",
  you: "You",
  note: "internal note",
  automatic: "Automatic message",
  pageInbox: "sent from the page inbox",
  otherApp: "sent by another app",
  colleague: "Colleague",
  standby: "shown only, another app answers",
  edited: "edited",
  resent: "sent again below",
  reacted: (reaction) => `reacted ${reaction}`,
  kinds: {
    postback: "pressed a button",
    quick_reply: "chose an answer",
    referral: "came by a link",
    optout: "opted out",
    optin: "opted in",
    help: "asked for help by keyword",
    order: "placed an order",
    call_request: "asks for a call",
  },
  loadingOlder: "Loading older messages",
  loading: "Loading messages",
  loadFailed: "The messages could not be loaded. New ones still arrive.",
  loadAgain: "Load again",
  begin: "The first contact",
  noLines: "Nothing has been written yet.",
  newLines: "New messages",
  toEnd: "To the newest message",
  unreadFrom: "New",
  typing: (name) => `${name} is typing`,
  colleagueTypes: (name) => `${name} is writing an answer`,
  delivery: {
    pending: "on its way",
    sent: "sent",
    delivered: "delivered",
    read: "read",
    failed: "not delivered",
    uncertain: "Nobody knows whether it arrived",
  },
  failedWhy: (reason) => `Not delivered: ${reason}`,
  reasons: {
    window_closed: "the reply window is over",
    opted_out: "this person has opted out",
    unreachable: "this person cannot be reached on this channel",
    rejected: "the network refused the content or the number",
    provider_down: "the provider cannot send at the moment",
    channel_down: "the channel is out of order",
    temporary: "the network did not take it, it is tried again",
    throttled: "the network asks to go slower, it is tried again",
  },
  resend: "Send again",
  retry: "Try again",
  discard: "Discard",
  waitingForLine: "waits for the connection",
  openImage: (name) => `Show ${name} large`,
  openTab: "Open in a new tab",
  download: "Download",
  shut: "Close",
  fetching: "being fetched",
  fileFailed: "could not be fetched",
  fileKinds: {
    image: "Image",
    audio: "Audio",
    video: "Video",
    file: "File",
    sticker: "Sticker",
    location: "Location",
    link: "Link",
  },
  reply: "Reply",
  internal: "Internal note",
  writeTo: (name) => `Write to ${name}`,
  writeNote: "Write a note for colleagues",
  noteHint: "Only colleagues see this",
  via: (channel) => `by ${channel}`,
  until: (when) => `until ${when}`,
  send: "Send",
  save: "Add note",
  attach: "Attach files",
  remove: (name) => `Remove ${name}`,
  uploading: "uploading",
  uploadTooLarge: "larger than 10 MB",
  uploadTooMany: (n) => `A message takes ${n} files at most.`,
  uploadNoLine: "no connection",
  uploadFailed: "not uploaded",
  dropHere: "Drop files to attach them",
  replies: "Saved replies",
  repliesEmpty: "No saved reply of that name",
  enterSends: "Enter sends",
  enterBreaks: "Enter makes a new line",
  tooLong: (over) => `${plural(over, "character", "characters")} too many`,
  splits: (parts) => `goes out as ${parts} messages`,
  segments: (parts, left) => `${parts} SMS · ${left} left`,
  segmentsUnicode: "A special character makes each SMS shorter: 70 instead of 160 characters",
  segmentsCost: "Each SMS is charged",
  windowUntil: (until, left) => `Replies possible until ${until}, ${left} left`,
  humanAgentUntil: (until) => `The 24 hours are over. Answers by a person go through until ${until}.`,
  blocks: {
    closed: "This conversation is closed. It opens again when the customer writes.",
    opted_out: "This person has opted out of messages here. They can be written to again when they opt in.",
    not_ours: "Another app answers this person at the moment. What is written is shown here.",
    window_closed: "The reply window of this network is over. It opens again when the customer writes.",
    not_mine: "Nobody has this conversation yet.",
  },
  heldBlock: (name) => `${name} has this conversation.`,
  takeToAnswer: "Take it to answer",
  channels: { web: "website chat", talk: "talk link", messenger: "Messenger", sms: "SMS" },
};

const de: Texts = {
  language: "de",
  back: "Zurück zur Liste",
  context: "Zum Kontakt",
  onPage: "gerade auf der Seite",
  online: "online",
  reading: (names) => (names.length === 1 ? `${names[0]} liest mit` : `${names.join(", ")} lesen mit`),
  take: "Übernehmen",
  takeOver: "Übernehmen",
  accept: "Annehmen",
  giveBack: "Zurückgeben",
  giveBackHint: "Zurück in die Warteschlange",
  transfer: "Weitergeben",
  done: "Erledigt",
  closedAt: (when) => `geschlossen ${when}`,
  heldBy: (name) => `${name} antwortet`,
  waitingFor: (queue) => `wartet in ${queue}`,
  ringing: "klingelt",
  unnamed: "Besucher",
  transferTo: "Weitergeben an",
  filter: "Name oder Warteschlange",
  nobodyFound: "Niemand und keine Warteschlange heißt so",
  agents: "Kollegen",
  queues: "Warteschlangen",
  waiting: (n) => (n === 0 ? "niemand wartet" : `${n} warten`),
  queueClosed: "zurzeit geschlossen",
  presence: { ready: "bereit", busy: "beschäftigt", "wrap-up": "in Nacharbeit", away: "abwesend", offline: "nicht da" },
  choose: "Kein Gespräch geöffnet.",
  chooseAction: "Das erste öffnen",
  someWait: (n) => (n === 1 ? "Ein Gespräch wartet." : `${n} Gespräche warten.`),
  someWaitAction: "Das am längsten wartende öffnen",
  allQuiet: "Niemand wartet.",
  lastContact: (ago) => `Letzter Kontakt vor ${ago}.`,
  allQuietAction: "Erledigte ansehen",
  connecting: "Die Verbindung zum Gateway wird aufgebaut.",
  timeline: "Nachrichten",
  today: "Heute",
  yesterday: "Gestern",
  you: "Du",
  note: "interne Notiz",
  automatic: "Automatische Nachricht",
  pageInbox: "aus dem Postfach der Seite gesendet",
  otherApp: "von einer anderen App gesendet",
  colleague: "Kollege",
  standby: "nur zur Ansicht, eine andere App antwortet",
  edited: "bearbeitet",
  resent: "unten erneut gesendet",
  reacted: (reaction) => `Reaktion ${reaction}`,
  kinds: {
    postback: "hat einen Knopf gedrückt",
    quick_reply: "hat eine Antwort gewählt",
    referral: "kam über einen Link",
    optout: "hat sich abgemeldet",
    optin: "hat sich angemeldet",
    help: "bat mit Stichwort um Hilfe",
    order: "hat bestellt",
    call_request: "bittet um einen Anruf",
  },
  loadingOlder: "Ältere Nachrichten werden geladen",
  loading: "Nachrichten werden geladen",
  loadFailed: "Die Nachrichten ließen sich nicht laden. Neue kommen weiterhin an.",
  loadAgain: "Erneut laden",
  begin: "Der erste Kontakt",
  noLines: "Noch wurde nichts geschrieben.",
  newLines: "Neue Nachrichten",
  toEnd: "Zur neuesten Nachricht",
  unreadFrom: "Neu",
  typing: (name) => `${name} schreibt`,
  colleagueTypes: (name) => `${name} schreibt eine Antwort`,
  delivery: {
    pending: "unterwegs",
    sent: "gesendet",
    delivered: "zugestellt",
    read: "gelesen",
    failed: "nicht zugestellt",
    uncertain: "Niemand weiß, ob sie ankam",
  },
  failedWhy: (reason) => `Nicht zugestellt: ${reason}`,
  reasons: {
    window_closed: "das Antwortfenster ist vorbei",
    opted_out: "diese Person hat sich abgemeldet",
    unreachable: "diese Person ist auf diesem Weg nicht erreichbar",
    rejected: "das Netz hat Inhalt oder Nummer abgelehnt",
    provider_down: "der Anbieter kann gerade nicht senden",
    channel_down: "der Kanal ist gestört",
    temporary: "das Netz nahm sie nicht an, ein neuer Versuch folgt",
    throttled: "das Netz bittet um Geduld, ein neuer Versuch folgt",
  },
  resend: "Erneut senden",
  retry: "Erneut versuchen",
  discard: "Verwerfen",
  waitingForLine: "wartet auf die Verbindung",
  openImage: (name) => `${name} groß zeigen`,
  openTab: "In neuem Tab öffnen",
  download: "Herunterladen",
  shut: "Schließen",
  fetching: "wird abgeholt",
  fileFailed: "ließ sich nicht abholen",
  fileKinds: {
    image: "Bild",
    audio: "Ton",
    video: "Video",
    file: "Datei",
    sticker: "Sticker",
    location: "Standort",
    link: "Link",
  },
  reply: "Antwort",
  internal: "Interne Notiz",
  writeTo: (name) => `An ${name} schreiben`,
  writeNote: "Notiz für die Kollegen",
  noteHint: "Nur für Kollegen sichtbar",
  via: (channel) => `per ${channel}`,
  until: (when) => `bis ${when}`,
  send: "Senden",
  save: "Notieren",
  attach: "Dateien anhängen",
  remove: (name) => `${name} entfernen`,
  uploading: "wird hochgeladen",
  uploadTooLarge: "größer als 10 MB",
  uploadTooMany: (n) => `Eine Nachricht fasst höchstens ${n} Dateien.`,
  uploadNoLine: "keine Verbindung",
  uploadFailed: "nicht hochgeladen",
  dropHere: "Dateien hier ablegen",
  replies: "Textbausteine",
  repliesEmpty: "Kein Textbaustein heißt so",
  enterSends: "Enter sendet",
  enterBreaks: "Enter macht eine neue Zeile",
  tooLong: (over) => `${over} Zeichen zu viel`,
  splits: (parts) => `wird in ${parts} Nachrichten geteilt`,
  segments: (parts, left) => `${parts} SMS · noch ${left}`,
  segmentsUnicode: "Ein Sonderzeichen kürzt jede SMS: 70 statt 160 Zeichen",
  segmentsCost: "Jede SMS wird berechnet",
  windowUntil: (until, left) => `Antworten möglich bis ${until}, noch ${left}`,
  humanAgentUntil: (until) => `Die 24 Stunden sind um. Persönliche Antworten gehen noch bis ${until}.`,
  blocks: {
    closed: "Dieses Gespräch ist geschlossen. Es öffnet sich wieder, sobald der Kunde schreibt.",
    opted_out: "Diese Person hat sich hier abgemeldet. Erst nach einer Anmeldung darf wieder geschrieben werden.",
    not_ours: "Zurzeit antwortet eine andere App. Was geschrieben wird, ist hier zu sehen.",
    window_closed: "Das Antwortfenster dieses Netzes ist vorbei. Es öffnet sich wieder, sobald der Kunde schreibt.",
    not_mine: "Noch hat niemand dieses Gespräch.",
  },
  heldBlock: (name) => `${name} hat dieses Gespräch.`,
  takeToAnswer: "Übernehmen und antworten",
  channels: { web: "Website-Chat", talk: "Talk-Link", messenger: "Messenger", sms: "SMS" },
};

export function textsFor(language: string): Texts {
  return language.toLowerCase().startsWith("de") ? de : en;
}
