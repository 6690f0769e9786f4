// Makes it noticed when nobody looks that something rings, or that a customer wrote: sound, window title,
// favicon, a notification of the system.

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals-core";
import { RINGBACK, RINGTONE, sounding } from "../shared/call-browser";
import type { Conversation, Offer } from "../shared/protocol";
import { callTexts } from "./call/texts";
import { invitationOf, ringsElsewhere } from "./call/view";
import type { Desk } from "./desk";
import { favicon } from "./favicon";
import { ringsAt } from "./lists";
import { Notifications, type Telling } from "./notifications";
import type { Settings } from "./settings";
import { nameOf } from "./store";
import { type Texts, textsOf } from "./texts";
import { COMES, GOES, NEWS, RING, Tone } from "./tone";

const RING_EVERY_MS = 2200;

/** What rings at this agent: the offer of a conversation, or of an invitation into its call. */
export function offerOf(c: Conversation, agent: string): Offer | null {
  return ringsAt(c, agent) ? c.offer : (invitationOf(c, agent)?.offer ?? null);
}

/** The conversations that ring at this agent, the oldest first. */
export function ringing(desk: Desk): Conversation[] {
  const until = (c: Conversation) => offerOf(c, desk.store.agent)?.until ?? "";
  return [...desk.store.all()]
    .filter((c) => offerOf(c, desk.store.agent))
    .sort((a, b) => until(a).localeCompare(until(b)));
}

/** The call that has rung at colleagues for the longest. */
export function pickable(desk: Desk): Conversation | undefined {
  return desk.store.rows("waiting").find((c) => ringsElsewhere(c, desk.store.agent));
}

/** Messages in conversations of this agent that are not before their eyes. */
export function unseen(all: readonly Conversation[], agent: string, open: string): Conversation[] {
  return all.filter((c) => c.agent === agent && c.unread > 0 && c.id !== open);
}

/** Watches for rings and messages until the returned function is called. */
export function watchRings(desk: Desk, settings: Settings): () => void {
  const told = new Notifications();
  const ringback = signal(false);
  const hidden = signal(document.hidden);
  const look = () => {
    hidden.value = document.hidden;
  };
  document.addEventListener("visibilitychange", look);
  const rings = computed(() => ringing(desk));
  const news = computed(() =>
    unseen(desk.store.rows("mine"), desk.store.agent, hidden.value ? "" : desk.selected.value),
  );
  const noise = computed((): Noise => {
    // A sound begins when what rings changes in kind, not with each change of a conversation.
    if (!settings.sound.value || rings.value.length === 0) return "none";
    return rings.value.some((c) => c.call !== null) ? "call" : "text";
  });
  const stops = [
    effect(() => show(desk, textsOf(settings.language.value), rings.value[0])),
    effect(() => {
      const t = textsOf(settings.language.value);
      told.show(hidden.value ? [...rings.value.map((c) => ring(c, t, desk)), ...fresh(news, t, desk)] : []);
    }),
    effect(() => play(noise.value)),
    chime(news, () => settings.sound.peek() && noise.peek() === "none"),
    effect(() => {
      const view = desk.phone.view.value;
      ringback.value = view.at === "call" && view.here === "connected" && view.call.state === "ringing";
    }),
    effect(() => (ringback.value ? sounding(RINGBACK) : undefined)),
    comings(desk),
  ];
  return () => {
    document.removeEventListener("visibilitychange", look);
    for (const stop of stops) stop();
    told.close();
    document.title = "Backline";
    favicon("calm");
  };
}

/** Title and favicon. */
function show(desk: Desk, t: Texts, first: Conversation | undefined): void {
  const unread = desk.store.counts.value.unread;
  const view = desk.phone.view.value;
  const talk = view.at === "call" ? t.callTitle(nameOf(view.conversation) || t.unnamed) : "";
  const calm = unread > 0 ? `(${unread}) Backline` : "Backline";
  document.title = first ? t.ringTitle(nameOf(first) || t.unnamed) : talk || calm;
  favicon(first || talk ? "ring" : unread > 0 ? "unread" : "calm");
}

function ring(c: Conversation, t: Texts, desk: Desk): Telling {
  const body = c.call ? callTexts(t.language).incoming : (t.incoming[c.channel] ?? t.incomingOther);
  return {
    id: offerOf(c, desk.store.agent)?.id ?? c.id,
    title: nameOf(c) || t.unnamed,
    body,
    open: () => desk.select(c.id),
  };
}

function fresh(news: ReadonlySignal<Conversation[]>, t: Texts, desk: Desk): Telling[] {
  return news.value.map((c) => ({
    id: `${c.id}/${c.last_inbound ?? ""}`,
    title: nameOf(c) || t.unnamed,
    body: t.wrote,
    open: () => desk.select(c.id),
  }));
}

/** One note for each message that comes. */
function chime(news: ReadonlySignal<Conversation[]>, may: () => boolean): () => void {
  const tone = new Tone();
  let before = Number.POSITIVE_INFINITY; // what was there when the page came is no news
  const stop = effect(() => {
    const now = news.value.reduce((n, c) => n + c.unread, 0);
    if (now > before && may()) tone.play(NEWS);
    before = now;
  });
  return () => {
    stop();
    tone.close();
  };
}

/** A note when somebody comes into the call of this page, another when they leave. */
function comings(desk: Desk): () => void {
  const tone = new Tone();
  let before = { call: "", people: 0 };
  const stop = effect(() => {
    const view = desk.phone.view.value;
    const now =
      view.at === "call" && view.here === "connected"
        ? { call: view.call.id, people: (view.call.legs ?? []).filter((l) => l.agent).length }
        : { call: "", people: 0 };
    if (now.call && now.call === before.call && now.people !== before.people) {
      tone.play(now.people > before.people ? COMES : GOES);
    }
    before = now;
  });
  return () => {
    stop();
    tone.close();
  };
}

type Noise = "none" | "text" | "call";

/** Sounds and, on a phone, shakes until the returned function is called. */
function play(noise: Noise): (() => void) | undefined {
  if (noise === "none") return undefined;
  const tone = new Tone();
  const sound = () => tone.play(RING);
  const shake = () => navigator.vibrate?.(noise === "call" ? [400, 200, 400] : 200);
  const quiet = noise === "call" ? sounding(RINGTONE) : repeat(sound, RING_EVERY_MS);
  const still = repeat(shake, noise === "call" ? 3000 : RING_EVERY_MS * 2);
  return () => {
    quiet();
    still();
    tone.close();
    navigator.vibrate?.(0);
  };
}

/** Now and then every so many milliseconds, until the returned function is called. */
function repeat(what: () => void, everyMS: number): () => void {
  what();
  const beat = setInterval(what, everyMS);
  return () => clearInterval(beat);
}
