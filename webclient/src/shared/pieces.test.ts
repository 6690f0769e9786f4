import assert from "node:assert/strict";
import { test } from "node:test";
import { inPieces, type PiecesOptions, REFUSED } from "./pieces";

/** A gateway that keeps uploads, behind a line that can be made bad. */
class Far {
  data = new Uint8Array();
  asked: string[] = [];
  /** What happens to each request, in order; then all is well. */
  trouble: ("lost" | "answer lost" | "cut" | number)[] = [];

  readonly fetch = (async (url: string, init: RequestInit) => {
    const { searchParams } = new URL(url);
    this.asked.push(`${init.method} ${searchParams.get("offset") ?? searchParams.get("size") ?? ""}`.trim());
    const bad = this.trouble.shift();
    if (bad === "lost") throw new TypeError("network");
    if (typeof bad === "number") return Response.json({}, { status: bad });
    const body = init.body instanceof Blob ? new Uint8Array(await init.body.arrayBuffer()) : new Uint8Array();
    const answer = this.take(init.method ?? "", searchParams, bad === "cut" ? body.slice(0, 3) : body);
    if (bad) throw new TypeError("network");
    return answer;
  }) as unknown as typeof fetch;

  private take(method: string, q: URLSearchParams, body: Uint8Array): Response {
    if (method === "PUT") {
      if (Number(q.get("offset")) !== this.data.length)
        return Response.json({ have: this.data.length }, { status: 409 });
      this.data = new Uint8Array([...this.data, ...body]);
    }
    if (method === "POST") {
      if (Number(q.get("size")) !== this.data.length) return Response.json({}, { status: 409 });
      return Response.json({ id: "f1", name: "voice", type: "audio/webm" }, { status: 201 });
    }
    return Response.json({ have: this.data.length });
  }
}

const bytes = Uint8Array.from({ length: 25 }, (_, i) => i);

function options(far: Far, more: Partial<PiecesOptions> = {}): PiecesOptions {
  return {
    url: () => "https://gw.example.org/w/voice/clip?site=shop",
    token: () => "t",
    blob: new Blob([bytes], { type: "audio/webm" }),
    name: "voice",
    piece: 10,
    stop: new AbortController().signal,
    told: () => {},
    fetch: far.fetch,
    sleep: async () => {},
    ...more,
  };
}

test("an upload goes up in pieces", async () => {
  const far = new Far();
  const shares: number[] = [];
  const stored = await inPieces(options(far, { told: (share) => shares.push(share) }));
  assert.deepEqual(stored, { id: "f1", name: "voice", type: "audio/webm" });
  assert.deepEqual(far.asked, ["PUT 0", "PUT 10", "PUT 20", "POST 25"]);
  assert.deepEqual([...far.data], [...bytes]);
  assert.deepEqual(shares, [0.4, 0.8, 1]);
});

test("after a break it goes on from what is there, whatever was lost", async () => {
  for (const trouble of [
    ["lost"],
    ["answer lost"],
    [503, 503, "lost"],
    ["cut"],
    ["cut", "lost", "answer lost", "answer lost", 502],
    [undefined, undefined, undefined, "answer lost"], // of the last word
    [401, 429],
  ] as Far["trouble"][]) {
    const far = new Far();
    far.trouble = [...trouble];
    let waited = false;
    const stored = await inPieces(options(far, { told: (_, waits) => (waited ||= waits) }));
    assert.equal(stored.id, "f1", String(trouble));
    assert.deepEqual([...far.data], [...bytes], String(trouble));
    assert.ok(waited, String(trouble));
  }
});

test("it waits for a token, and begins anew at a gateway that knows nothing", async () => {
  const far = new Far();
  const other = new Far();
  let at = far;
  let tokens = 0;
  far.trouble = [undefined as never, "lost"];
  const o = options(far, {
    token: () => (tokens++ ? "t" : ""),
    sleep: async () => {
      if (far.asked.length > 1) at = other;
    },
  });
  const stored = await inPieces({ ...o, fetch: ((u: string, i: RequestInit) => at.fetch(u, i)) as typeof fetch });
  assert.equal(stored.id, "f1");
  assert.deepEqual([...other.data], [...bytes]);
});

test("what is refused is not tried again; what is stopped ends", async () => {
  const far = new Far();
  far.trouble = [413];
  await assert.rejects(inPieces(options(far)), { message: REFUSED });
  assert.equal(far.asked.length, 1);
  const stop = new AbortController();
  far.trouble = Array.from({ length: 100 }, () => "lost" as const);
  const ends = inPieces(options(far, { stop: stop.signal, sleep: async () => stop.abort() }));
  await assert.rejects(ends);
  assert.equal(far.asked.length, 2);
});
