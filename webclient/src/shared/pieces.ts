// An upload in pieces over a line that breaks: it goes on from what the gateway has on disk, by itself, until all of
// it is there. Nothing is sent twice that was confirmed, and the gateway drops what comes again.
//
//	how much is there? → a piece → a piece → … → that was all → stored

/** What the gateway says of a stored file. */
export interface Stored {
  id: string;
  name: string;
  type: string;
}

export interface PiecesOptions {
  /** Address of this upload with its query; another gateway may have taken over since the last piece. */
  url(): string;
  /** "" while the page has none yet. */
  token(): string;
  blob: Blob;
  name: string;
  /** Bytes of a piece. Smaller ones are tried where a piece takes too long. */
  piece: number;
  stop: AbortSignal;
  /** How much is there, 0–1, and whether it waits for the line. */
  told(share: number, waits: boolean): void;
  fetch: typeof fetch;
  sleep(ms: number): Promise<void>;
}

/** The message of the error when trying again is of no use. */
export const REFUSED = "no";

const STALL_MS = 30_000;
const LEAST_PIECE = 4096;
const FIRST_WAIT_MS = 500;
const LAST_WAIT_MS = 8000;
/** What no repetition changes: a bad request, no such place, too large. */
const FOR_GOOD = [400, 403, 404, 413, 422];

export async function inPieces(o: PiecesOptions): Promise<Stored> {
  const { blob } = o;
  let piece = o.piece;
  let have = 0;
  let sure = true; // a new upload begins at 0, and the gateway says so if it knows better
  const share = () => Math.min(1, have / blob.size);
  for (let failures = 0; ; failures++) {
    try {
      if (!o.token()) throw new Error("not yet");
      if (!sure) have = (await ask(o, "GET", "", undefined)).have ?? 0;
      sure = true;
      while (have < blob.size) {
        const before = have;
        have = (await ask(o, "PUT", `&offset=${have}`, blob.slice(have, have + piece))).have ?? 0;
        if (have > before) failures = 0;
        o.told(share(), false);
      }
      const stored = await ask(o, "POST", `&size=${blob.size}`, undefined);
      if (stored.id) return { id: stored.id, name: stored.name ?? "", type: stored.type ?? "" };
    } catch (e) {
      if (o.stop.aborted || (e instanceof Error && e.message === REFUSED)) throw e;
      if (e instanceof Error && e.message === STALLED) piece = Math.max(LEAST_PIECE, piece / 2);
    }
    sure = false;
    o.told(share(), true);
    await o.sleep(Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures) * (0.5 + Math.random() / 2));
    if (o.stop.aborted) throw new Error("stopped");
  }
}

const STALLED = "stalled";

/** All that the three requests answer. */
interface Answer extends Partial<Stored> {
  have?: number;
}

async function ask(o: PiecesOptions, method: string, query: string, body: Blob | undefined): Promise<Answer> {
  const stop = new AbortController();
  const end = () => stop.abort();
  o.stop.addEventListener("abort", end);
  let stalled = false;
  const timer = setTimeout(() => {
    stalled = true;
    end();
  }, STALL_MS);
  try {
    const headers = {
      Authorization: `Bearer ${o.token()}`,
      "Content-Type": o.blob.type || "application/octet-stream",
      "X-File-Name": encodeURIComponent(o.name),
    };
    const init = { method, headers, signal: stop.signal, cache: "no-store" } as const;
    const answer = await o.fetch(o.url() + query, body ? { ...init, body } : init);
    if (answer.ok || (answer.status === 409 && method === "PUT")) return (await answer.json()) as Answer;
    throw new Error(FOR_GOOD.includes(answer.status) ? REFUSED : `status ${answer.status}`);
  } catch (e) {
    throw stalled ? new Error(STALLED) : e;
  } finally {
    clearTimeout(timer);
    o.stop.removeEventListener("abort", end);
  }
}
