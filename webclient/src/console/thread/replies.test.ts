import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "../../shared/protocol";
import { filterReplies, insertAt, slashAt } from "./replies";

const replies: Reply[] = [
  { id: "1", title: "Opening hours", text: "We are here from 7 to 19." },
  { id: "2", title: "Greeting", text: "Good morning {{name}}" },
  { id: "3", title: "Gruß", text: "Guten Tag {{name}}", language: "de" },
  { id: "4", title: "Our hours abroad", text: "Ask for Greta." },
];
const found = (query: string, language = "") => filterReplies(replies, query, language).map((r) => r.id);

test("a slash at the start of a word asks for saved replies", () => {
  assert.deepEqual(slashAt("/", 1), { from: 0, query: "" });
  assert.deepEqual(slashAt("Hello /gr", 9), { from: 6, query: "gr" });
  assert.deepEqual(slashAt("Hello\n/gr", 9), { from: 6, query: "gr" });
  assert.deepEqual(slashAt("Hello /greeting there", 9), { from: 6, query: "gr" });
  for (const text of ["and/or", "https://a", "/gr ", "24/7", "", "//"])
    assert.equal(slashAt(text, text.length), null, text);
});

test("names that begin so come first, then words in names, then texts", () => {
  assert.deepEqual(found("gre"), ["2", "4"]);
  assert.deepEqual(found("hours"), ["1", "4"]);
  assert.deepEqual(found("nothing"), []);
  assert.deepEqual(found(""), ["1", "2", "3", "4"]);
});

test("replies in another language than the contact's come last", () => {
  assert.deepEqual(found("gr", "de-AT"), ["2", "3", "4"]);
  assert.deepEqual(found("gr", "en"), ["2", "4", "3"]);
});

test("marks on letters do not matter, and the list is short", () => {
  const many = Array.from({ length: 20 }, (_, i) => ({ id: `${i}`, title: `Öffnung ${i}`, text: "" }));
  assert.equal(filterReplies(many, "off", "").length, 8);
});

test("a reply takes the place of its name", () => {
  assert.deepEqual(insertAt("Hello /gr there", 6, 9, "Good morning"), { text: "Hello Good morning there", caret: 18 });
});
