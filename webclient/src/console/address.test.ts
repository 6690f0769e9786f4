import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals-core";
import { type Bar, keepAddress } from "./address";
import type { Page } from "./desk";

/** A browser's history. */
class FakeBar implements Bar {
  private at = 0;
  private listener = () => {};
  constructor(readonly entries: string[] = [""]) {}
  hash = () => this.entries[this.at] ?? "";
  push(hash: string): void {
    this.entries.splice(++this.at, Number.POSITIVE_INFINITY, hash);
  }
  replace(hash: string): void {
    this.entries[this.at] = hash;
  }
  moved(f: () => void): () => void {
    this.listener = f;
    return () => {
      this.listener = () => {};
    };
  }
  back(): void {
    this.at--;
    this.listener();
  }
}

function desk() {
  const selected = signal("");
  const page = signal<Page>("inbox");
  const select = (id: string) => {
    selected.value = id;
    page.value = "inbox";
  };
  return { selected, page, select };
}

test("what is open stands in the address, and back leads to the list", () => {
  const bar = new FakeBar();
  const d = desk();
  keepAddress(d, bar);
  d.select("c1");
  d.select("c2");
  assert.deepEqual(bar.entries, ["", "#/c/c2"]);
  bar.back();
  assert.equal(d.selected.value, "");
  assert.equal(bar.hash(), "");
});

test("a reload opens it again, also the emergency page", () => {
  const d = desk();
  keepAddress(d, new FakeBar(["#/c/c7"]));
  assert.equal(d.selected.value, "c7");
  const e = desk();
  keepAddress(e, new FakeBar(["#/emergency"]));
  assert.equal(e.page.value, "emergency");
});

test("an address that means nothing opens nothing, and signing out leaves none", () => {
  const bar = new FakeBar(["#/c/<script>"]);
  const d = desk();
  const stop = keepAddress(d, bar);
  assert.equal(d.selected.value, "");
  d.select("c1");
  stop();
  assert.equal(bar.hash(), "");
  d.select("c2");
  assert.equal(bar.hash(), "");
});
