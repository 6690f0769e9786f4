// What the thread says. Each language is written for itself, in en.ts and de.ts.

import type { Block } from "../rules";
import { de } from "./de";
import { en } from "./en";
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
  sendLink: string;
  sendLinkHint(way: string): string;
  linkSent: string;
  linkFailed: string;
  linkWays: Record<string, string>;
  play: string;
  pause: string;
  playFrom: string;
  faster: string;
  cannotPlay: string;
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

export function textsFor(language: string): Texts {
  return language.toLowerCase().startsWith("de") ? de : en;
}
