// A recording as the REST side tells of it. What comes from outside is checked here.

import { type Fields, isFields, text } from "../guard";

export interface Track {
  /** customer, agent/ID, guest/PARTICIPANT */
  side: string;
  /** Of a meeting's participant. */
  name: string;
  /** When a meeting's guest agreed by a click. */
  agreedAt: string;
  /** How loud it is, 0 to 100, evenly over the duration. */
  peaks: readonly number[];
}

export interface Recording {
  id: string;
  state: "running" | "kept" | "deleted";
  /** "" of a call. */
  meeting: string;
  agreedAt: string;
  reason: string;
  durationMS: number;
  droppedMS: number;
  /** People who spoke in a meeting for whom there was no track. */
  leftOut: number;
  tracks: readonly Track[];
  heard: readonly { by: string; at: string }[];
  deleteAt: string;
  deleted: { by: string; at: string } | null;
}

export function recordingOf(v: unknown): Recording | null {
  if (!isFields(v) || !text(v.id)) return null;
  const state = text(v.state);
  if (state !== "running" && state !== "kept" && state !== "deleted") return null;
  return {
    id: text(v.id),
    state,
    meeting: text(v.meeting),
    agreedAt: text(v.agreed_at),
    reason: text(v.reason),
    durationMS: number(v.duration_ms),
    droppedMS: number(v.dropped_ms),
    leftOut: number(v.left_out),
    tracks: fieldsOf(v.tracks).map((t) => ({
      side: text(t.side),
      name: text(t.name),
      agreedAt: text(t.agreed_at),
      peaks: numbers(t.peaks),
    })),
    heard: fieldsOf(v.heard).map(who),
    deleteAt: text(v.delete_at),
    deleted: isFields(v.deleted) ? who(v.deleted) : null,
  };
}

function fieldsOf(v: unknown): Fields[] {
  return Array.isArray(v) ? v.filter(isFields) : [];
}

function who(v: Fields): { by: string; at: string } {
  return { by: text(v.by), at: text(v.at) };
}

function number(v: unknown): number {
  return typeof v === "number" && Number.isFinite(v) ? v : 0;
}

function numbers(v: unknown): number[] {
  return Array.isArray(v) ? v.map((n) => Math.min(100, Math.max(0, number(n)))) : [];
}

/** Where a track lies. */
export function trackURL(id: string, n: number): string {
  return `/api/v1/recordings/${encodeURIComponent(id)}/tracks/${n}`;
}

/** The bars of a track as an SVG path in a box of the peaks' number by 100, around its middle. */
export function wave(peaks: readonly number[]): string {
  return peaks
    .map((p, i) => {
      const half = Math.max(2, p / 2);
      return `M${i + 0.5} ${50 - half}V${50 + half}`;
    })
    .join("");
}
