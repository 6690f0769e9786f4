// Makes a ring noticed when nobody looks: sound, window title, favicon, a notification of the system.

import { computed, effect, signal } from "@preact/signals-core";
import { RINGBACK, RINGTONE, sounding } from "../shared/call-browser";
import type { Conversation } from "../shared/protocol";
import { callTexts } from "./call/texts";
import { isCalling } from "./call/view";
import type { Desk } from "./desk";
import { ringsAt } from "./lists";
import type { Settings } from "./settings";
import { nameOf } from "./store";
import { textsOf } from "./texts";

const RING_EVERY_MS = 2200;

/** The conversations that ring at this agent, the oldest first. */
export function ringing(desk: Desk): Conversation[] {
  return desk.store
    .rows("mine")
    .filter((c) => ringsAt(c, desk.store.agent))
    .sort((a, b) => (a.offer?.until ?? "").localeCompare(b.offer?.until ?? ""));
}

/** Watches for rings until the returned function is called. */
export function watchRings(desk: Desk, settings: Settings): () => void {
  const told = new Map<string, Notification>();
  const ringback = signal(false);
  const rings = computed(() => ringing(desk));
  // A sound begins when what rings changes in kind, not with each change of a conversation.
  const noise = computed((): Noise => {
    if (!settings.sound.value || rings.value.length === 0) return "none";
    return rings.value.some(isCalling) ? "call" : "text";
  });
  const stops = [
    effect(() => {
      const t = textsOf(settings.language.value);
      const first = rings.value[0];
      const unread = desk.store.counts.value.unread;
      const name = first ? nameOf(first) || t.unnamed : "";
      const view = desk.phone.view.value;
      const talk = view.at === "call" ? t.callTitle(nameOf(view.conversation) || t.unnamed) : "";
      document.title = first ? t.ringTitle(name) : talk || (unread > 0 ? `(${unread}) Backline` : "Backline");
      favicon(first || talk ? "ring" : unread > 0 ? "unread" : "calm");
      notify(rings.value, told, (c) => ({
        title: nameOf(c) || t.unnamed,
        body: isCalling(c) ? callTexts(t.language).incoming : (t.incoming[c.channel] ?? t.incomingOther),
      }));
    }),
    effect(() => play(noise.value)),
    effect(() => {
      const view = desk.phone.view.value;
      ringback.value = view.at === "call" && view.here === "connected" && view.call.state === "ringing";
    }),
    effect(() => (ringback.value ? sounding(RINGBACK) : undefined)),
  ];
  return () => {
    for (const stop of stops) stop();
    for (const n of told.values()) n.close();
    document.title = "Backline";
    favicon("calm");
  };
}

type Noise = "none" | "text" | "call";

/** Sounds and, on a phone, shakes until the returned function is called. */
function play(noise: Noise): (() => void) | undefined {
  switch (noise) {
    case "none":
      return undefined;
    case "call": {
      const quiet = sounding(RINGTONE);
      const shake = () => navigator.vibrate?.([400, 200, 400]);
      shake();
      const beat = setInterval(shake, 3000);
      return () => {
        quiet();
        clearInterval(beat);
        navigator.vibrate?.(0);
      };
    }
    case "text": {
      const tone = new Tone();
      tone.play();
      const beat = setInterval(() => tone.play(), RING_EVERY_MS);
      return () => {
        clearInterval(beat);
        tone.close();
      };
    }
  }
}

function notify(
  rings: readonly Conversation[],
  told: Map<string, Notification>,
  words: (c: Conversation) => { title: string; body: string },
): void {
  const live = new Set(rings.map((c) => c.offer?.id ?? ""));
  for (const [id, n] of told) {
    if (live.has(id)) continue;
    n.close();
    told.delete(id);
  }
  if (!document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
  for (const c of rings) {
    const id = c.offer?.id ?? "";
    if (told.has(id)) continue;
    const { title, body } = words(c);
    // What was written stays inside: a notification shows on locked screens.
    const n = new Notification(title, { body, tag: id, requireInteraction: true });
    n.onclick = () => {
      window.focus();
      n.close();
    };
    told.set(id, n);
  }
}

/** Two soft notes. A browser that wants a click first stays silent until there was one. */
class Tone {
  private context: AudioContext | null = null;

  play(): void {
    this.context ??= new AudioContext();
    const { context } = this;
    if (context.state === "suspended") void context.resume();
    for (const [hertz, at] of [
      [659, 0],
      [880, 0.18],
    ] as const) {
      const start = context.currentTime + at;
      const note = context.createOscillator();
      const volume = context.createGain();
      note.type = "sine";
      note.frequency.value = hertz;
      volume.gain.setValueAtTime(0, start);
      volume.gain.linearRampToValueAtTime(0.14, start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, start + 0.5);
      note.connect(volume).connect(context.destination);
      note.start(start);
      note.stop(start + 0.55);
    }
  }

  close(): void {
    void this.context?.close();
    this.context = null;
  }
}

type Look = "calm" | "unread" | "ring";

function favicon(look: Look): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link || link.dataset.look === look) return;
  link.dataset.look = look;
  const dot = {
    calm: "",
    unread: '<circle cx="25" cy="7" r="7" fill="#0a5f73"/>',
    ring: '<circle cx="25" cy="7" r="7" fill="#0b7a55"/>',
  }[look];
  link.href = `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M4 22a12 12 0 0 1 24 0v2H4z" fill="#5b6a6e"/><path d="M2 27h28" stroke="#5b6a6e" stroke-width="3"/>${dot}</svg>`,
  )}`;
}
