import assert from "node:assert/strict";
import { test } from "node:test";
import type { Attachment } from "../../shared/protocol";
import { Problem } from "../api";
import type { Desk } from "../desk";
import { Drafts } from "../drafts";
import { Composing } from "./composing";

interface Fake {
  sent: [string, string, string, number][];
  typed: number;
  uploads: { done: (a: Attachment) => void; fail: (e: unknown) => void; progress: (share: number) => void }[];
  desk: Desk;
}

function fake(): Fake {
  const f: Fake = { sent: [], typed: 0, uploads: [], desk: {} as Desk };
  f.desk = {
    drafts: new Drafts(null, "jana"),
    send: (id: string, kind: string, text: string, files: Attachment[]) => f.sent.push([id, kind, text, files.length]),
    type: () => f.typed++,
    api: {
      upload: (_file: Blob, _name: string, progress: (share: number) => void) =>
        new Promise<Attachment>((done, fail) => f.uploads.push({ done, fail, progress })),
    },
  } as unknown as Desk;
  return f;
}

const file = (name: string, size = 3) => ({ name, size, type: "image/png" }) as File;
const settled = () => new Promise((r) => setImmediate(r));

test("reply and note are kept apart, each as a draft", () => {
  const f = fake();
  const c = new Composing(f.desk, "c1");
  c.write("to the customer");
  c.open("note");
  c.write("to colleagues");
  assert.deepEqual(f.desk.drafts.get("c1"), { reply: "to the customer", note: "to colleagues" });
  assert.equal(f.typed, 1, "a note is not announced to the customer");
  assert.ok(c.send());
  assert.deepEqual(f.sent, [["c1", "note", "to colleagues", 0]]);
  assert.equal(c.mode.value, "reply");
  assert.equal(c.text, "to the customer");
  assert.equal(new Composing(f.desk, "c1").text, "to the customer");
});

test("nothing is sent while it is empty or a file is on its way", async () => {
  const f = fake();
  const c = new Composing(f.desk, "c1");
  c.write("  \n ");
  assert.equal(c.send(), false);
  c.write("with a picture");
  c.attach([file("a.png")]);
  assert.equal(c.send(), false);
  f.uploads[0]?.progress(0.5);
  assert.equal(c.uploads.value[0]?.share, 0.5);
  f.uploads[0]?.done({ file: "f1", kind: "image" });
  await settled();
  assert.ok(c.send());
  assert.deepEqual(f.sent, [["c1", "message", "with a picture", 1]]);
  assert.equal(c.ready, false);
});

test("a file that failed blocks the message until it is tried again or removed", async () => {
  const f = fake();
  const c = new Composing(f.desk, "c1");
  c.attach([file("a.png")]);
  f.uploads[0]?.fail(new Problem(0, ""));
  await settled();
  assert.equal(c.uploads.value[0]?.why, "no_line");
  assert.equal(c.ready, false);
  c.again(c.uploads.value[0]?.key ?? 0);
  f.uploads[1]?.fail(new Problem(415, "this kind of file is not taken"));
  await settled();
  assert.equal(c.uploads.value[0]?.detail, "this kind of file is not taken");
  c.remove(c.uploads.value[0]?.key ?? 0);
  assert.equal(c.uploads.value.length, 0);
});

test("files that are too large or too many are said, not sent", () => {
  const f = fake();
  const c = new Composing(f.desk, "c1");
  c.attach([file("huge.zip", (10 << 20) + 1)]);
  assert.equal(c.uploads.value[0]?.why, "too_large");
  assert.equal(f.uploads.length, 0);
  c.attach(Array.from({ length: 12 }, (_, i) => file(`${i}.png`)));
  assert.equal(c.uploads.value.length, 10);
  assert.equal(c.tooMany.value, true);
});
